import errno
import os
import re
from pathlib import Path

import pytest

from corrector.files import whole_file, whole_folder


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_appears_only_when_whole(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole_file(target) as draft:
        draft.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    with whole_file(target) as draft:
        draft.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_what_cannot_be_written_is_named_as_it_was_asked_for(tmp_path):
    target = tmp_path / "P.npy"
    for failure, words in (
        (OSError("40000 requested and 8176 written"), f"whole of {re.escape(str(target))}; got: 40000"),
        (OSError(errno.ENOSPC, "No space left"), f"No space left: '{re.escape(str(target))}'"),
    ):
        with pytest.raises(OSError, match=words), whole_file(target):
            raise failure
    with pytest.raises(OSError, match=re.escape(str(target))), whole_file(target) as draft:
        raise PermissionError(errno.EACCES, "Permission denied", str(draft))
    with pytest.raises(OSError, match="other"), whole_file(target):
        raise PermissionError(errno.EACCES, "Permission denied", "other")
    assert names(tmp_path) == []


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with whole_file(tmp_path / "ours") as draft:
        draft.write_text("x")
    with whole_folder(tmp_path / "folder"):
        pass
    (tmp_path / "made").mkdir()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "folder").stat().st_mode == (tmp_path / "made").stat().st_mode


def test_a_folder_appears_only_when_whole(tmp_path):
    target = tmp_path / "deep" / "report"
    with pytest.raises(KeyboardInterrupt), whole_folder(target) as draft:
        (draft / "half").touch()
        raise KeyboardInterrupt
    assert names(tmp_path / "deep") == []
    for content in ("first", "second"):
        with whole_folder(target) as draft:
            (draft / content).touch()
        assert names(target) == sorted([content, ".made-by-corrector"])
    assert names(tmp_path / "deep") == ["report"]


def test_what_we_did_not_make_is_not_replaced(tmp_path):
    target = tmp_path / "mine"
    target.mkdir()
    (target / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match="an older report alone"), whole_folder(target):
        pass
    assert names(target) == ["thesis.tex"]
    with pytest.raises(NotADirectoryError), whole_folder(target / "thesis.tex" / "x"):
        pass


def test_the_current_folder_may_be_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with whole_file("a.npy") as draft:
        assert os.fspath(draft).endswith(".npy")
    assert names(tmp_path) == ["a.npy"]


def test_files_put_beside_an_older_report_are_not_lost(tmp_path):
    target = tmp_path / "report"
    with whole_folder(target) as draft:
        (draft / "index.html").touch()
    (target / "notes.txt").touch()
    with pytest.raises(FileExistsError), whole_folder(target):
        pass
    assert "notes.txt" in names(target)


def test_the_current_folder_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileExistsError, match="the current one"), whole_folder("."):
        pass


def test_links_are_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with whole_folder(tmp_path / "link") as draft:
        (draft / "a").touch()
    assert (tmp_path / "link").is_symlink()
    assert "a" in names(tmp_path / "real")
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    with whole_file(tmp_path / "link.txt") as draft:
        draft.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"

"""Sweeps on a small disk that is full: one line says so, every file is whole, and with room they go on.

The disk is a file system of some hundred kilobytes in memory, mounted where no other process sees it.
"""

import json
import os
import shutil
import subprocess

import pytest
import xarray as xr

from tests.test_cli import COMMAND
from training.sweeping.store import Store, read_plan

OPTIONS = (
    *("--networks", "N1,B1", "--rules", "ordinary,modified", "--learning-rates", "0.02:1:0.02"),
    *("--runs", "2", "--epochs", "40", "--batch-sizes", "50", "--held-out", "50", "--points", "20"),
    *("--output", "out"),
)
SAID = (
    "corrector: expected to use out; got: No space left on device; what is there is whole: make room, "
    "and the same command goes on"
)

NAMESPACES = (("unshare", "--user", "--map-root-user", "--mount"), ("unshare", "--mount"))
TRIAL = "mount -t tmpfs -o size=300k none . && mount -o remount,size=600k ."

SCRIPT = """
set -eu
disk=$1 room=$2
shift 2
attempt() {
    name=$1
    shift
    (cd disk && exec "$@") > "$name.out" 2> "$name.err" || echo "$?" > "$name.status"
    cp -a disk/out "$name"
}
mount -t tmpfs -o "$disk" none disk
attempt first "$@"
mount -o "remount,$room" none disk
attempt last "$@"
"""


@pytest.fixture(scope="module")
def namespace(tmp_path_factory):
    """A command that runs another where it may mount file systems, without anyone else's seeing them."""
    folder = tmp_path_factory.mktemp("trial")
    for found in NAMESPACES:
        trial = [*found, "sh", "-c", TRIAL]
        if shutil.which(found[0]) and not subprocess.run(trial, cwd=folder, check=False).returncode:
            return found
    pytest.skip("a small disk takes leave to mount one: as root, or in a user namespace")
    return None


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(
        [COMMAND, "sweep", *OPTIONS, "--processes", "1"], cwd=folder, capture_output=True, check=True
    )
    return folder / "out"


def blocks(folder):
    """Bytes that the files in a folder take on such a disk."""
    return sum(-(-file.stat().st_size // 4096) * 4096 for file in folder.iterdir())


def sweep_on(disk, room, processes, folder, namespace):
    """Sweep on a disk of these options, and again on what it then is, with room."""
    (folder / "disk").mkdir()
    command = [COMMAND, "sweep", *OPTIONS, "--processes", str(processes)]
    arguments = [*namespace, "sh", "-c", SCRIPT, "sh", disk, room, *command]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


def require_whole(path):
    """Every file is there as it should be, or not at all; return how many pieces are."""
    assert {entry.name for entry in path.iterdir()} <= {"locks", "pieces", "plan.json", "sweep.nc"}
    json.loads((path / "plan.json").read_text())
    store = Store(path, read_plan(path))
    kept = [store.read(piece) for piece in store.plan.pieces]
    names = {f"{number:06}.safetensors" for number, state in enumerate(kept) if state is not None}
    assert {entry.name for entry in (path / "pieces").iterdir()} == names
    if (path / "sweep.nc").exists():
        xr.load_dataset(path / "sweep.nc")
    return len(names)


@pytest.mark.parametrize(("what", "processes"), [("pieces", 2), ("the data set", 1), ("names", 1)])
def test_a_full_disk_is_said_in_a_line_and_with_room_the_sweep_goes_on(
    namespace, undisturbed, tmp_path, what, processes
):
    """What has no room: some of the pieces; the data set, where all pieces have; names of files."""
    pieces, data = blocks(undisturbed / "pieces"), (undisturbed / "sweep.nc").stat().st_size
    assert data > 100_000
    size = {"pieces": pieces // 2, "the data set": pieces + data // 2, "names": 2**25}[what]
    disk = f"size={size},nr_inodes={13 if what == 'names' else 1000}"  # three pieces, and no lock
    sweep_on(disk, "size=32m,nr_inodes=1000", processes, tmp_path, namespace)
    said = (tmp_path / "first.err").read_text().splitlines()
    assert len(said) == 2  # the first is what it will take
    assert said[1] == SAID
    assert (tmp_path / "first.status").read_text() == "2\n"
    whole = require_whole(tmp_path / "first")
    assert 0 < whole <= 8
    assert (whole == 8) == (what == "the data set")
    assert (tmp_path / "last.err").read_text() == ""
    assert not (tmp_path / "last.status").exists()
    assert require_whole(tmp_path / "last") == 8
    found, expected = (xr.load_dataset(path / "sweep.nc") for path in (tmp_path / "last", undisturbed))
    xr.testing.assert_identical(found, expected)


def test_where_compiled_code_has_no_room_it_is_compiled_again(namespace, undisturbed, tmp_path):
    script = 'mount -t tmpfs -o size=4k none "$NUMBA_CACHE_DIR" && exec "$@"'
    command = [COMMAND, "sweep", *OPTIONS, "--processes", "1"]
    (tmp_path / "compiled").mkdir()
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    subprocess.run(
        [*namespace, "sh", "-c", script, "sh", *command], cwd=tmp_path, env=environment, check=True
    )
    found, expected = (xr.load_dataset(path / "sweep.nc") for path in (tmp_path / "out", undisturbed))
    xr.testing.assert_identical(found, expected)

import pytest


@pytest.fixture
def cache(tmp_path_factory, monkeypatch):
    """The user's cache, empty; returns where decoded pictures go."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "corrector" / "pictures"

"""What the lab keeps between runs lies where the XDG base directory specification says."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.host.places import cache_folder, keep, state_folder


@pytest.mark.parametrize("told", ["/x", "relative", ""])
def test_things_are_kept_where_the_user_wants_them(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    """As the specification says: a relative path counts as unset."""
    monkeypatch.setenv("XDG_CACHE_HOME", told)
    monkeypatch.setenv("XDG_STATE_HOME", told)
    cache, state = (Path("/x"), Path("/x")) if told == "/x" else (Path.home() / ".cache", Path.home() / ".local/state")

    assert cache_folder("wheels") == cache / "process-model-lab/wheels"
    assert state_folder("floors") == state / "process-model-lab/floors"


def test_of_two_that_make_the_same_folder_the_first_one_keeps_it(tmp_path: Path) -> None:
    """Two labs may fill one at a time; what is no folder is no such other."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "made by").write_text(name)
        keep(tmp_path / name, tmp_path / "kept")

    assert (tmp_path / "kept" / "made by").read_text() == "first"
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        keep(tmp_path / "second", tmp_path / "file")

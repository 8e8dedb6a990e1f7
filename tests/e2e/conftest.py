"""The command line as a person uses it: a child process, its exit code, what it printed, what it left.

Each process of the tests has an image of the app of its own, for its arms would be strangers to those of another, and
looks at what is left of the runs of its own scenario. Those that kill labs and look at all that is left are one xdist
group, with those of the integration tests that leave something of a dead lab (LEAVES). Those that deploy the examples,
which are other images, are a group beside it, and look at what is left of their own runs. Whatever needs a valid run is
alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from lab.analysis.gates import INVALID, limits
from lab.engines.docker.engine import connect
from lab.engines.leftovers import find_leftovers, remove_leftovers
from lab.host.labels import RUN, owner_lives
from lab.record.folder import read_info
from lab.record.reading import TRIAL_RECORD
from lab.record.types import TrialState
from tests.integration.conftest import own_arguments

REPOSITORY = Path(__file__).parent.parent.parent
LAB = [sys.executable, "-m", "lab"]
ATTEMPTS = 3
BUSY = "more blocks failed than may be replaced"
OF_A_BUSY_MACHINE = {
    gate.key
    for gate in (
        limits.LOAD_CPU,
        limits.ARRIVALS,
        limits.LAG,
        limits.LITTLE,
        limits.SAMPLER_READINGS,
        limits.STEAL,
        limits.FOREIGN,
    )
}
TIMEOUT_S = 480  # a minute or so on a quiet machine, with images that are built
PAGE_MS = 60_000  # in which a page comes to be as it should: a browser beside other tests is slow
NO_DOCKER = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
IN_A_BROWSER = [pytest.mark.e2e, pytest.mark.xdist_group("browser")]  # one browser, and their pages are made once
ON_THE_ENGINE = [pytest.mark.e2e, pytest.mark.xdist_group("engine"), pytest.mark.usefixtures("nothing_left")]
OF_ITS_OWN_IMAGE = [pytest.mark.e2e, pytest.mark.usefixtures("nothing_left_of_ours")]
OF_AN_EXAMPLE = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("examples"),
    pytest.mark.usefixtures("nothing_left_of_its_runs"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever looks at the smoke run needs it to be valid."""
    for item in items:
        if "smoke" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.alone)


@dataclass(frozen=True)
class Outcome:
    """What a finished command did."""

    code: int
    out: str
    err: str

    def refused(self, code: int, *sentences: str) -> None:
        """The exit code, every sentence, and no traceback."""
        assert self.code == code, self.err
        assert "Traceback" not in self.err
        for sentence in sentences:
            assert sentence in self.err


def lab(*arguments: object, env: Mapping[str, str] | None = None, cwd: Path = REPOSITORY) -> Outcome:
    """Run one command to its end."""
    done = subprocess.run(
        [*LAB, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def installed(environment: Path, *arguments: object, cwd: Path) -> Outcome:
    """One command of the installed lab."""
    argv = [str(environment / "bin" / "lab"), *map(str, arguments)]
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_S, env=outside())
    return Outcome(done.returncode, done.stdout, done.stderr)


def outside() -> dict[str, str]:
    """The environment variables without what shows the repository to Python."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run_beside_others(*arguments: object, env: Mapping[str, str] | None = None, cwd: Path = REPOSITORY) -> Outcome:
    """Run a scenario while other tests use the machine."""
    outcome = lab("run", *arguments, env=env, cwd=cwd)
    check_only_busy(outcome.code, outcome.err)
    return outcome


def check_only_busy(code: int, told: str) -> None:
    """The run came to its end; where it is not valid, the gates say so, and ``check_done`` which of them may."""
    assert code == 0 or (code == 3 and BUSY in told), told


def check_done(run: Path) -> None:
    """Every trial of the run is done, and no gate but those of a busy machine found one invalid."""
    assert set(read_info(run).states.values()) == {TrialState.DONE}
    assert refusals(run) <= OF_A_BUSY_MACHINE


def refusals(run: Path) -> set[str]:
    """The gates that found a trial of the run invalid, if only for some of the metrics."""
    paths = sorted((run / "trials").glob("*/record.json"))
    gates = [gate for path in paths for gate in TRIAL_RECORD.validate_json(path.read_bytes()).gates]
    return {gate.key for gate in gates if gate.outcome == INVALID}


@pytest.fixture(scope="package", autouse=True)
def a_temporary_folder_of_our_own() -> Iterator[None]:
    """And with it a lock: the labs of these tests are not refused because somebody else measures on this machine.

    Not below pytest's own folder, into which nobody else may look: nginx runs as another user when the lab is root.
    """
    with tempfile.TemporaryDirectory(prefix="lab-e2e-") as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o711)
        patch.setenv("TMPDIR", folder)
        patch.setattr("tempfile.tempdir", folder)
        yield


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    """A Docker client; without an engine this tier fails, it does not skip."""
    client = connect()
    yield client
    client.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's chromium, started once; without it this tier fails, it does not skip."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium (make test does it as root)"
    expect.set_options(timeout=PAGE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def nothing_left(client: docker.DockerClient) -> Iterator[None]:
    """After every test the engine has no container, volume or network of the lab."""
    yield
    remaining = left(client)
    remove_leftovers(find_leftovers(client=client), client)  # one failing test must not fail the others
    assert remaining == []


@pytest.fixture
def nothing_left_of_ours(client: docker.DockerClient) -> Iterator[None]:
    """After every test the engine has nothing of the runs of ``scenario`` in this process."""
    yield
    remaining = left_of_ours(client)
    remove_leftovers([each for each in find_leftovers(client=client) if each.name in remaining], client)
    assert remaining == []


@pytest.fixture
def nothing_left_of_its_runs(client: docker.DockerClient, tmp_path: Path) -> Iterator[None]:
    """After a test the engine has nothing of the runs below its folder; one beside it may leave things on purpose."""
    yield
    runs = {path.parent.name for path in tmp_path.rglob("run.json")}
    remaining = [name for name, run in left_of_runs(client) if run in runs]
    remove_leftovers([each for each in find_leftovers(client=client) if each.name in remaining], client)
    assert remaining == []


def left(client: docker.DockerClient) -> list[str]:
    """Names of everything with the lab's label whose lab has ended; another lab's work on this machine is not ours."""
    return [name for name, _ in left_of_runs(client)]


def left_of_ours(client: docker.DockerClient) -> list[str]:
    """Those of them that belong to runs of ``scenario`` in this process: what it is called is in their names."""
    return [name for name, run in left_of_runs(client) if of_ours(run)]


def of_ours(run: str) -> bool:
    """Whether a run is one of ``scenario`` in this process."""
    return f"-{OURS}-" in run


def left_of_runs(client: docker.DockerClient) -> list[tuple[str, str]]:
    """The same, each with the run that it belongs to. What a lab removed that ended meanwhile is not there twice."""
    again = _without_owner(client) if (found := _without_owner(client)) else []
    return [each for each in found if each in again]


def _without_owner(client: docker.DockerClient) -> list[tuple[str, str]]:
    selection = {"label": RUN}
    containers = client.containers.list(all=True, filters=selection, ignore_removed=True)
    others = [*client.volumes.list(filters=selection), *client.networks.list(filters=selection)]
    labelled = [(thing.name, thing.labels) for thing in containers]
    labelled += [(thing.name, thing.attrs["Labels"]) for thing in others]
    return [(name, marks[RUN]) for name, marks in labelled if not owner_lives(marks)]


@pytest.fixture(scope="package")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; packages that it needs are lent by this one, which takes no minute of copying.

    What this environment itself shows of the repository is not lent: only the wheel can give `lab`.
    """
    folder = tmp_path_factory.mktemp("installed")
    built, made = folder / "dist", folder / "environment"
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(built)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    venv.create(made, symlinks=True)
    install = [sys.executable, "-m", "pip", "--python", str(made / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", *built.glob("*.whl")], check=True)
    (packages,) = made.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return made


@pytest.fixture(scope="package")
def smoke(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """The shortest scenario that the lab ships, run once for all who look at its results, and its folder.

    By an installed lab, in a folder that holds nothing: images, app and locustfile are its own. Again when a gate found
    the machine too busy to measure on, if only for times, which is no fault of the lab.
    """
    here, made = tmp_path_factory.mktemp("demo"), list[tuple[Outcome, Path]]()
    for _ in range(ATTEMPTS):
        outcome = installed(environment, "demo", "smoke", "--wait-for-quiet=0", cwd=here)
        if not (outcome.code == 3 and BUSY in outcome.err):
            made.append((outcome, sorted((here / "runs").iterdir())[-1]))
            if outcome.code or not refusals(made[-1][1]) & OF_A_BUSY_MACHINE:
                break
    assert made, f"the machine was too busy for a valid block {ATTEMPTS} times:\n{outcome.err}"
    return made[-1]


OURS = f"short-{os.getpid()}"  # what the scenario of this process is called
SCENARIO = f"""
question = "Does it work?"
[app]
build = "{REPOSITORY}"
requirements = "{REPOSITORY}/requirements/app.txt"
{own_arguments()}
[budget]
processes = 1
[[arms]]
name = "workers"
model = "workers"
front = "direct"
[load]
locustfile = "{REPOSITORY}/locustfiles/json_api.py"
rate = 120
lanes = 8
warmup = "1s"
measure = "2s"
[trials]
blocks = 1
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """A scenario of one short trial that a test may edit."""
    path = tmp_path / f"{OURS}.toml"
    path.write_text(SCENARIO)
    return path


def edit(path: Path, old: str, new: str) -> Path:
    """Replace a line of a scenario that must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def quick(path: Path) -> Path:
    """A scenario as `lab init` writes it, with trials of one second and two."""
    return edit(edit(path, 'warmup = "5s"', 'warmup = "1s"'), 'measure = "10s"', 'measure = "2s"')

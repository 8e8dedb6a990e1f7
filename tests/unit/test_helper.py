"""The helper container as it is asked for, what it is made of, and the program that runs in it. No Docker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.attest.claims import Evidence, caveats, runtime_differences
from lab.engines.docker.helper.container import creation
from lab.engines.docker.helper.image import helper_context
from lab.engines.docker.helper.rights import ThroughHelper
from lab.engines.docker.rights import NoRights, OwnRights, may_read_memory, may_trace
from lab.engines.readiness import owner_pids
from lab.errors import RightsError, SamplingError
from lab.host.jsonlines import Lines
from lab.host.labels import labels
from lab.record.types import Environment, RunInfo
from lab.report.parts.unusual import rights_caveats, rights_fact, rights_note
from lab.sampling.__main__ import ANSWERS, ORDERS
from lab.sampling.channel import Channel
from lab.sampling.process_view import Seen, look, mapped_files, seen_from_json, seen_to_json
from tests.builders import make_run, make_scenario

ROOT = Path(__file__).parents[2]
DEADLINE_S = 20.0


@dataclass
class Running:
    """The helper's program as a child of the test."""

    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def running(self) -> bool:
        return self.process.poll() is None

    def end(self, deadline_s: float) -> int:
        return self.process.wait(deadline_s)

    def kill(self) -> None:
        self.process.kill()

    def last_words(self) -> str:
        return "some last words"


@contextmanager
def helper(folder: Path, told: Path | None = None) -> Iterator[Channel]:
    """The program in a process of its own, with the lab's ends of both FIFOs; ``told``: where it looks for them."""
    for name in (ORDERS, ANSWERS):
        os.mkfifo(folder / name)
    with (
        os.fdopen(os.open(folder / ORDERS, os.O_RDWR), "r+b", buffering=0) as orders,
        os.fdopen(os.open(folder / ANSWERS, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as answers,
        subprocess.Popen([sys.executable, "-m", "lab.sampling", "--helper", str(told or folder)], cwd=ROOT) as process,
    ):
        channel = Channel(Running(process), Lines(answers, orders))
        try:
            yield channel
        finally:
            process.kill()


def test_it_looks_at_processes_for_a_lab_that_may_not(tmp_path: Path) -> None:
    """The same as the lab would see itself; a process that has ended is left out."""
    with helper(tmp_path) as channel:
        channel.send(do="look", pids=[os.getpid(), 2**22 + 1])
        seen = seen_from_json(channel.answer(DEADLINE_S)["seen"])

    assert seen.keys() == {os.getpid()}
    assert seen[os.getpid()].files == look([os.getpid()])[os.getpid()].files


def test_it_ends_when_the_lab_does(tmp_path: Path) -> None:
    """The end of the orders is the lab's end, however that came."""
    with helper(tmp_path) as channel:
        channel.send(do="look", pids=[])
        channel.answer(DEADLINE_S)
        channel.close()

        assert channel.program.end(DEADLINE_S) == 0


def test_its_death_before_it_has_said_anything_is_noticed_at_once(tmp_path: Path) -> None:
    """Nobody has opened the other end of its answers then, and no end of file ever comes."""
    with helper(tmp_path, told=tmp_path / "missing") as channel:
        started = time.monotonic()
        with pytest.raises(SamplingError, match=r"the sampler died \(exit code 1\)") as caught:
            channel.answer(DEADLINE_S)

    assert time.monotonic() - started < DEADLINE_S / 2
    assert "some last words" in caught.value.hint


def test_it_gets_two_capabilities_and_writes_into_one_folder() -> None:
    """Root, for Docker 20.10 gives capabilities to nobody else, but one that may only look."""
    asked: dict[str, Any] = creation("sha256:1", Path("/tmp/lab-helper"), labels("run", "helper", "b01-arm"))

    assert (asked["cap_drop"], asked["cap_add"]) == (["ALL"], ["SYS_PTRACE", "DAC_READ_SEARCH"])
    assert (asked["pid_mode"], asked["cgroupns"], asked["userns_mode"]) == ("host", "host", "host")
    assert asked["read_only"]
    assert "privileged" not in asked
    assert {mount["Target"]: mount["ReadOnly"] for mount in asked["mounts"]} == {
        "/sys/fs/cgroup": True,
        "/tmp/lab-helper": False,
    }
    assert asked["labels"]["lab.run"] == "run"


def test_its_image_holds_what_the_program_imports_and_psutil_as_the_lab_has_it(tmp_path: Path) -> None:
    """Nothing but these files and the standard library: neither polars nor Docker's SDK."""
    context = helper_context(ROOT)
    for path in context.paths:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / path).read_bytes())
    code = "import sys, lab.sampling.__main__; print([m for m in ('polars', 'docker') if m in sys.modules])"
    # Without site there is no editable lab, only the copy; psutil, polars and docker come from where the tests have it.
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(psutil.__file__).parents[1]}"}
    done = subprocess.run([sys.executable, "-S", "-P", "-c", code], env=environment, capture_output=True, text=True)

    assert done.stdout.strip() == "[]", done.stderr
    pinned = (ROOT / "lab/engines/docker/helper/requirements.txt").read_text().split()[0]
    assert f"\n{pinned} \\\n" in (ROOT / "requirements/lab.txt").read_text()


def test_what_is_seen_survives_the_way() -> None:
    """Sockets stay numbers, and pids too."""
    seen = {
        7: Seen(sockets=frozenset({1, 2}), files=frozenset({"/a b.so"})),
        8: Seen(sockets=frozenset(), files=frozenset()),
    }

    assert seen_from_json(json.loads(json.dumps(seen_to_json(seen)))) == seen


def test_only_files_count_as_mapped() -> None:
    """Neither anonymous memory nor the kernel's own areas; names with spaces are whole."""
    maps = (
        "7f00-7f01 r-xp 00000000 fe:00 42   /usr/lib/uvloop/loop so.so\n"
        "7f01-7f02 rw-p 00000000 00:00 0 \n"
        "7ffd-7ffe rw-p 00000000 00:00 0    [stack]\n"
    )

    assert mapped_files(maps) == {"/usr/lib/uvloop/loop so.so"}


def test_without_rights_an_owner_is_an_error_that_says_what_to_do() -> None:
    """Not nobody: that would look like a process that does not serve."""

    def may_not(_pids: object) -> dict[int, Seen]:
        raise RightsError("no")

    with pytest.raises(RightsError, match="descriptors") as caught:
        owner_pids(1, [os.getpid()], may_not)
    assert "X-Served-By" in caught.value.hint


@pytest.mark.parametrize(("effective", "may"), [("0000000000080000", True), ("000001ffffffffff", True), ("0", False)])
def test_the_right_is_a_capability_and_not_a_user(tmp_path: Path, effective: str, may: bool) -> None:
    """Root in a container may lack it, a Python with file capabilities may have it."""
    status = tmp_path / "status"
    status.write_text(f"Name:\tpython\nCapEff:\t{effective}\n")

    assert may_trace(status) is may


def test_ones_own_memory_may_be_read_and_nobodys_not() -> None:
    """What is tried is the file that is read later."""
    assert may_read_memory(os.getpid())
    assert not may_read_memory(2**22 + 1)


def test_what_was_not_looked_at_is_a_caveat_and_no_difference() -> None:
    """The reader is told; arms are not called unlike because of it."""
    (caveat,) = caveats(Evidence(servers={}, roles={}, listeners={}, unseen="the lab may not"))

    assert (caveat.key, caveat.outcome, caveat.value) == ("attestation.rights", "caveat", None)
    assert runtime_differences({"loop": "uvloop"}, {}) == []


def test_the_environment_says_who_read_the_processes() -> None:
    """And why nobody did."""
    assert OwnRights().describe() == {"sampled_by": "the lab itself"}
    assert NoRights("no image").describe()["memory_obstacle"] == "no image"


def run_with(**facts: str) -> RunInfo:
    """A run whose environment states these facts."""
    return make_run(make_scenario(), environment=Environment(facts=facts))


def test_a_report_says_nothing_of_rights_where_they_were_there() -> None:
    """The usual case needs no words."""
    run = run_with(**OwnRights().describe())

    assert (rights_fact(run), rights_note(run), list(rights_caveats(run))) == ("", "", [])


def test_a_report_says_that_a_helper_read_the_processes() -> None:
    """A fact, and no caveat: the numbers are the same."""
    run = run_with(**ThroughHelper("sha256:1").describe())

    assert rights_fact(run) == "sampled through a helper container"
    assert (rights_note(run), list(rights_caveats(run))) == ("", [])


def test_a_report_says_what_is_missing_why_and_what_to_do() -> None:
    """On the first screen the gist, among the caveats the engine's own words."""
    run = run_with(**NoRights("the engine refuses a container that sees the host's processes: no.").describe())
    (caveat,) = rights_caveats(run)

    assert "(PSS) is missing" in rights_note(run)
    assert "run the lab as root" in rights_note(run)
    assert "PSS and USS are missing" in caveat

"""Where a run takes place, and whether two such places may be compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
from pydantic import ValidationError

from lab.agent.clock import Clock
from lab.analysis.comparable import MUST_MATCH, different_facts, shares_file_pages
from lab.engines.docker.elsewhere import with_machine
from lab.record.machine import CpuUser, SeenFacts
from lab.record.run_types import EngineFacts, Facts, GeneratorFacts, told
from lab.record.types import Environment
from lab.run.environment import describe_environment
from lab.sampling.machine import FOREIGN_MAX, cpu_facts, cpu_users, machine_mark, survey, virtualisation

X86 = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu vme hypervisor lahf_lm\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU part\t: 0xd0c\n"
ENGINE = EngineFacts(engine="docker", docker="28.0.1", storage_driver="overlay2", cgroup_version="2")


def no_sleep(seconds: float) -> None:
    """Nobody uses CPU in no time."""


@pytest.fixture(scope="module")
def here() -> Environment:
    return describe_environment(ENGINE, {"uvicorn": "0.54.0"}, sleep=no_sleep)


def test_the_description_is_plain_json(here: Environment) -> None:
    """run.json holds it as it is."""
    assert json.loads(json.dumps(dict(here.facts))) == dict(here.facts)


def test_every_fact_that_must_match_is_known(here: Environment) -> None:
    """A key that nobody fills would make all runs look alike."""
    from_the_caller = {"network", "image_digest", "app_python", "fastapi"}
    of_other_machines = {"engine_at", "load_at"}

    assert set(MUST_MATCH) - set(here.facts) == from_the_caller | of_other_machines


def test_every_fact_that_the_lab_states_is_declared(here: Environment) -> None:
    """What is typed and what is told cannot part, and a wrong value is refused by its key."""
    assert set(here.facts) <= {field.name for field in fields(Facts)}
    assert here.known.cpu_count == here.facts["cpu_count"]

    with pytest.raises(ValidationError, match="cpu_count"):
        Environment(facts={"cpu_count": "many"}).known  # noqa: B018  a property that raises


def test_what_an_engine_does_not_tell_is_no_fact_and_that_load_may_use_all_cores_is_one() -> None:
    """As run folders have had it: a key without a value is one that was asked for."""
    driving = GeneratorFacts(name="gen", cpu_count=2)

    assert told(EngineFacts(engine="docker", generator=driving)) == {
        "engine": "docker",
        "generator": {"name": "gen", "cpu_count": 2, "load_cores": None},
    }
    assert told(EngineFacts(generators={"gen": driving}))["generators"]["gen"]["load_cores"] is None


def test_facts_of_engine_and_app_are_in_it(here: Environment) -> None:
    """The engine answers for itself; on cgroups the kernel's word counts."""
    assert here["storage_driver"] == "overlay2"
    assert here["uvicorn"] == "0.54.0"
    assert here["cgroup_version"] in (1, 2)
    assert here["cpu_count"] == len(os.sched_getaffinity(0))


SERVER = SeenFacts(
    cpu_model="EPYC", virtualisation="KVM", machine="5e12", cgroup_version=1, foreign=(CpuUser(name="sh", cores=0.5),)
)


def test_nothing_of_this_machine_is_in_the_facts_of_another_one(tmp_path: Path) -> None:
    """Where the engine is elsewhere an agent there is asked; what it does not tell is missing, and not this one's."""
    asked: list[str] = []

    def call(_function: object, name: str) -> SeenFacts:
        asked.append(name)
        return SERVER

    agent = SimpleNamespace(call=call, clock=Clock(7.0, 0.001))
    info = {"Name": "server", "NCPU": 64, "MemTotal": 2**36, "KernelVersion": "6.8", "Architecture": "x86_64"}
    engine = with_machine(ENGINE, cast(Any, SimpleNamespace(info=lambda: info)), cast(Any, agent))
    facts = describe_environment(engine, root=tmp_path, sleep=no_sleep).facts

    assert asked == ["server"]
    assert (facts["cpu_model"], facts["cpu_count"], facts["kernel"]) == ("EPYC", 64, "6.8")
    assert (facts["machine"], facts["engine_at"], facts["virtualisation"]) == ("5e12", "server", "KVM")
    assert facts["engine_marked"], "the mark is not of the lab's machine, as in older runs"
    assert facts["cgroup_version"] == 1, "of the kernel there, not the engine's 2"
    assert facts["foreign"] == [{"name": "sh", "cores": 0.5}]
    assert {"cpu_governor", "clock_source", "load_average", "pressure_stall"}.isdisjoint(facts)
    assert json.loads(json.dumps(dict(facts))) == dict(facts)


def test_a_machine_has_one_mark_whoever_looks(tmp_path: Path) -> None:
    """An agent has the machine's processes, and files of its own; of a machine without an id the engine's name does."""
    for folder, identity in (("inside", "of the image"), ("machine", "of the machine")):
        (tmp_path / folder / "etc").mkdir(parents=True)
        (tmp_path / folder / "etc/machine-id").write_text(identity)
        (tmp_path / folder / "proc").mkdir()
        (tmp_path / folder / "proc/cpuinfo").write_text(X86)
    inside, machine = tmp_path / "inside", tmp_path / "machine"
    mark = survey(machine, sleep=no_sleep).machine

    assert survey(inside, machine, "server", no_sleep).machine == mark
    assert survey(inside, sleep=no_sleep).machine != mark
    one, two = (survey(inside, tmp_path / "none", name, no_sleep).machine for name in ("server", "server-2"))
    assert one != two


def test_runs_on_two_servers_are_of_two_machines() -> None:
    """Also those of older runs, which had the mark of the lab's own machine, and where load comes from others."""
    one, two = ({"machine": "a", "engine_at": name} for name in ("one", "two"))
    assert [*different_facts(Environment(facts=one), Environment(facts=two))] == [("engine_at", "one", "two")]
    driven = Environment(facts={"machine": "a", "generators": {"g": {"engine_at": "g1"}, "h": {"engine_at": "h1"}}})
    assert [*different_facts(driven, Environment(facts={"machine": "a"}))] == [("load_at", "g1, h1", None)]


def test_runs_on_one_server_are_of_one_machine_wherever_they_were_started() -> None:
    """On the server itself, or elsewhere; clones of a server have its mark, and in older runs it was the laptop's."""
    there, away, clone = (
        Environment(facts={"machine": "5e12", **where})
        for where in (
            {},
            {"engine_at": "server", "engine_marked": True},
            {"engine_at": "server-2", "engine_marked": True},
        )
    )
    older = Environment(facts={"machine": "5e12", "engine_at": "server"})
    another = Environment(facts={"machine": "77aa", "engine_at": "server", "engine_marked": True})

    assert [*different_facts(there, away)] == []
    assert [*different_facts(away, clone)] == [("engine_at", "server", "server-2")]
    assert [*different_facts(there, older)] == [("engine_at", None, "server")]
    assert [*different_facts(away, older)] == []
    assert [*different_facts(away, another)] == [("machine", "5e12", "77aa")]


def test_a_machine_that_tells_little_is_described_too(tmp_path: Path) -> None:
    """No clock source, no machine-id, no governor: None or a substitute, no failure."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(ARM)

    facts = describe_environment(root=tmp_path, sleep=no_sleep).facts

    assert (facts["clock_source"], facts["cpu_governor"], facts["pressure_stall"]) == (None, None, False)
    assert (facts["cpu_model"], facts["cgroup_version"], facts["virtualisation"]) == ("0xd0c", 1, "none seen")
    assert len(facts["machine"]) == 12


def test_cpu_facts_of_different_architectures() -> None:
    """x86 has "model name" and flags, ARM has neither."""
    assert cpu_facts(X86) == {"model": "AMD EPYC", "hypervisor": True}
    assert cpu_facts(ARM) == {"model": "0xd0c", "hypervisor": False}


def test_virtualisation_names_the_product_when_it_can(tmp_path: Path) -> None:
    """Real machines have a product name as well: it counts only under a hypervisor."""
    assert virtualisation(tmp_path, hypervisor=True) == "virtual machine (type unknown)"
    product = tmp_path / "sys/class/dmi/id/product_name"
    product.parent.mkdir(parents=True)
    product.write_text("KVM\n")

    assert virtualisation(tmp_path, hypervisor=True) == "KVM"
    assert virtualisation(tmp_path, hypervisor=False) == "none seen"


def test_copies_of_one_virtual_machine_are_told_apart_by_size() -> None:
    """They share the machine-id; a few kilobytes more or less after a boot are no other machine."""
    gib = 1024**3

    assert machine_mark("id", "AMD EPYC", 8 * gib) != machine_mark("id", "AMD EPYC", 16 * gib)
    assert machine_mark("id", "AMD EPYC", 8 * gib) == machine_mark("id", "AMD EPYC", 8 * gib - 300_000)


@pytest.fixture
def busy() -> Iterator[psutil.Process]:
    """Another process that does nothing but use CPU."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        yield psutil.Process(child.pid)
        child.kill()


def test_who_uses_the_cpu_is_named(busy: psutil.Process) -> None:
    """Names and cores only, the busiest first, and never the lab itself."""

    def until_it_worked(_seconds: float) -> None:
        target_s = busy.cpu_times().user + 0.1
        give_up_at = time.monotonic() + 60
        while busy.cpu_times().user < target_s and time.monotonic() < give_up_at:
            time.sleep(0.005)

    users = cpu_users(0.1, sleep=until_it_worked)

    assert users == sorted(users, key=lambda user: -user["cores"])
    assert len(users) <= FOREIGN_MAX
    named = [user["cores"] for user in users if user["name"] == busy.name()]
    assert named or len(users) == FOREIGN_MAX, "others may be busier on a busy machine"
    assert (named or [users[-1]["cores"]])[0] >= 0.9


def test_equal_environments_do_not_differ(here: Environment) -> None:
    """Loadavg and who else runs differ each time and are no obstacle."""
    again = Environment(facts={**here.facts, "load_average": 9.9, "foreign": [{"name": "x", "cores": 1.0}]})

    assert [*different_facts(here, again)] == []


def test_every_difference_is_said_with_both_values() -> None:
    """One phrase each, also where one side does not state the fact."""
    a = Environment(facts={"kernel": "6.1.0", "uvicorn": "0.48.0", "memory_bytes": 8_000_000_000})
    b = Environment(facts={"kernel": "6.12.3", "memory_bytes": 8_010_000_000})

    assert [*different_facts(a, b)] == [("kernel", "6.1.0", "6.12.3"), ("uvicorn", "0.48.0", None)]


def test_memory_may_differ_by_what_the_kernel_keeps() -> None:
    """One per cent is a boot, two are another machine."""
    a, near, far = (Environment(facts={"memory_bytes": size}) for size in (1_000_000, 991_000, 980_000))

    assert [*different_facts(a, near)] == []
    assert [*different_facts(a, far)] == [("memory_bytes", 1_000_000, 980_000)]


@pytest.mark.parametrize(
    ("facts", "shares"),
    [({"storage_driver": "overlay2"}, True), ({"storage_driver": "fuse-overlayfs"}, False), ({}, None)],
)
def test_storage_drivers_that_share_file_pages_are_known(facts: dict[str, str], shares: bool | None) -> None:
    """Without sharing, replicas look heavier than their process model makes them."""
    assert shares_file_pages(Environment(facts=facts)) is shares

"""The agent: how its container is asked for, what it is made of, and the program, here as a child. No Docker."""

from __future__ import annotations

import ast
import errno
import importlib
import inspect
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from lab.agent.calls import call_of, carry_out, result_of
from lab.agent.carried import carried
from lab.agent.clock import EXCHANGES, Clock, compare_clocks, exchanges
from lab.agent.loading import AgentPlace
from lab.agent.mirror import Copy, Mirror
from lab.agent.sampling import sampled_by
from lab.attest.claims import Evidence, caveats, runtime_differences
from lab.attest.evidence import ask_around, homes, look_inside
from lab.engines.docker.agent.container import Acts, creation
from lab.engines.docker.agent.image import agent_context
from lab.engines.docker.agent.loads import files_of
from lab.engines.docker.agent.rights import ThroughAgent
from lab.engines.docker.container import attachment
from lab.engines.docker.refusals import choose_networks
from lab.engines.docker.rights import NoRights, OwnRights, Rights, may_read_memory, may_trace
from lab.engines.readiness import ask_front, owner_pids, probe_round
from lab.errors import DeploymentError, MissingError, RightsError, SamplingError
from lab.host.labels import labels
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Endpoint, Topology
from lab.record.run_types import EngineFacts, told
from lab.record.types import Environment, RunInfo
from lab.report.parts.unusual import rights_caveats, rights_fact, rights_note
from lab.sampling.grid import SLOW_TICK_S
from lab.sampling.plan import SamplerPlan, SampleTarget
from lab.sampling.process_view import Seen, look, mapped_files
from lab.sampling.sampler import start_sampler
from lab.scenario.model import Load
from tests.agents import DEADLINE_S, agent
from tests.builders import make_run, make_scenario
from tests.certificates import certificate
from tests.fake_server import fake_server
from tests.load_runs import make_plan

ROOT = Path(__file__).parents[2]


def topology(*ports: int) -> Topology:
    app = tuple(Endpoint(port=port) for port in ports)
    return Topology(
        trial_id="b01-a",
        services=(),
        entry=app[0],
        app=app,
        processes=len(app),
        ready_path="/ready?x=1",
        ready_timeout_s=5.0,
        probe_headers={"X-Probe": "1"},
    )


def test_what_it_is_asked_and_answers_are_plain_values() -> None:
    """Whatever is probed there comes back as it would here; the topology goes there whole."""
    with fake_server() as server:
        for function, arguments in (
            (ask_front, (topology(server.port),)),
            (homes, (topology(server.port),)),
            (ask_around, (topology(server.port),)),
            (look_inside, (topology(server.port), (), {})),
        ):
            call = json.loads(json.dumps(call_of(function, arguments)))
            found = result_of(function, json.loads(json.dumps(carry_out(call))))
            if function is not ask_around:  # it measures time
                assert found == function(*arguments)
        assert server.paths[0] == "/ready?x=1"


def test_an_authority_of_ours_goes_along_as_text() -> None:
    """An agent has none of the lab's files; the certificate may bear a name where the address is known only now."""
    trust, tls = certificate("front")
    other, _ = certificate("front")
    with fake_server(tls=tls) as server:
        asked = topology(server.port)

        def answer(authority: str) -> object:
            probed = replace(asked, entry=replace(asked.entry, scheme="https", trust=authority))
            call = json.loads(json.dumps(call_of(ask_front, (probed,))))
            return result_of(ask_front, carry_out(call))

        assert answer(trust) is not None
        assert answer(other) is None, "signed by somebody else"
        assert answer("") is None, "signed by nobody whom this machine knows"


def test_it_calls_nothing_but_functions_of_the_lab() -> None:
    """Its orders are the lab's, and still."""
    with pytest.raises(ValueError, match="no function of the lab"):
        carry_out({"function": "os:system", "arguments": ["true"]})


def test_it_probes_looks_and_tells_what_failed() -> None:
    """One conversation: values and errors of functions, as if they had been called here."""
    idle = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]  # nothing of it changes meanwhile
    with (
        agent() as (talk, process),
        fake_server() as server,
        subprocess.Popen(idle, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as looked_at,
    ):
        assert looked_at.stdout is not None
        looked_at.stdout.readline()
        (answer, *_) = talk.call(probe_round, topology(server.port), {}, False)
        seen = talk.call(look, [looked_at.pid, 2**22 + 1])
        with pytest.raises(DeploymentError, match="stopped answering"):
            talk.call(homes, topology(1))

        assert talk.pid == process.pid
        assert answer.endpoint == Endpoint(port=server.port)
        assert seen == look([looked_at.pid])
        assert talk.clock == Clock(0.0, 0.0)


def test_it_ends_when_the_lab_does_and_its_children_with_it(tmp_path: Path) -> None:
    """The end of the orders is the lab's end, however that came."""
    with agent() as (talk, process):
        child = talk.start("lab.agent", log=tmp_path / "log", cwd=tmp_path, load=False)
        talk.close()

        assert process.wait(DEADLINE_S) == 0
        assert talk.ended
        assert child.wait(DEADLINE_S) == (os.CLD_KILLED, 9)
        with pytest.raises(SamplingError, match="has ended"):
            child.exit(0.0)
        with pytest.raises(SamplingError, match="has ended") as caught:
            talk.call(look, [])
    assert "some last words" in caught.value.hint


def test_what_grows_there_grows_here_in_order(tmp_path: Path) -> None:
    """Only in folders that were asked for; a status is never here before what it speaks of."""
    there, told = tmp_path / "there", list[dict[str, Any]]()
    there.mkdir()
    mirror = Mirror(lambda **message: told.append(message))
    mirror.watch(there)
    (there / "empty.bin").touch()
    for text in (b"12", b"12345", b"12345"):
        (there / "rows.bin").write_bytes(text)
        (there / "status.json").write_text(json.dumps(len(text)))
        mirror.look()
    names = [(Path(message["file"]).name, message["at"]) for message in told]
    assert set(names[:2]) == {("empty.bin", 0), ("rows.bin", 0)}
    assert names[2:5] == [("status.json", 0), ("rows.bin", 2), ("status.json", 0)]

    copy, here = Copy(), tmp_path / "here"
    here.mkdir()
    for message in told:
        moved = message | {"file": str(here / Path(message["file"]).name)}
        copy.keep(moved)
        assert not list(here.iterdir())
    copy.expect(here)
    for message in told:
        copy.keep(message | {"file": str(here / Path(message["file"]).name)})
    assert {path.name: path.read_bytes() for path in here.iterdir()} == {
        "empty.bin": b"",
        "rows.bin": b"12345",
        "status.json": b"5",
    }


def test_the_sampler_is_its_child_and_its_tables_are_here(tmp_path: Path) -> None:
    """As by the lab's own child."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as arm, agent() as (talk, _):
        target = SampleTarget(service="app", kind=ServiceKind.APP, container_id="", init_pid=arm.pid)
        plan = SamplerPlan(
            targets=(target,), t0_monotonic_s=time.monotonic(), measure_s=1.0, lab_pid=os.getpid(), directory=tmp_path
        )
        with start_sampler(plan, sampled_by(talk)) as sampler:
            time.sleep(3 * SLOW_TICK_S)  # the grid's instants do not go by when the sampler was ready
            outcome = sampler.result(tmp_path)
        arm.kill()

    assert outcome.facts.achieved_readings > 0
    assert pl.read_parquet(tmp_path / "processes.parquet")["pid"].unique().to_list() == [arm.pid]
    assert pl.read_parquet(tmp_path / "host.parquet")["lab_cpu_s"].null_count() == 0


def test_clocks_of_two_kernels_are_compared_by_the_quickest_exchange() -> None:
    """Its half is the bound of the error."""
    clock = compare_clocks([(10.0, 112.0, 14.0), (20.0, 120.6, 21.0), (30.0, 130.0, 33.0)])

    assert clock.offset_s == pytest.approx(100.1)
    assert clock.bound_s == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("took_s", "number"),
    [
        ([0.001] * 100, EXCHANGES),
        ([0.003] * 100, EXCHANGES),
        ([0.01] * 50 + [0.001] * 100, 51),
        ([0.01] * 1000, 100),
        ([0.1] * 100, EXCHANGES),
    ],
    ids=["quiet", "some way off", "busy for a while", "busy", "far away"],
)
def test_clocks_are_compared_until_the_machine_has_time_for_it(took_s: list[float], number: int) -> None:
    """Where all exchanges were long there are more, for a second; where one was short there are no more than ever."""
    now = [5.0]

    def read() -> tuple[float, float]:
        now[0] += took_s.pop(0)
        return 0.0, 0.0

    assert len(exchanges(read, lambda: now[0])) == pytest.approx(number, abs=1)


def test_of_the_environment_only_what_a_locustfile_may_mean_is_carried() -> None:
    """Where programs and files are found is another matter there, and a proxy of this machine is not there."""
    told = carried({"PATH": "/bin", "PYTHONPATH": "/x", "https_proxy": "p", "TOKEN": "t", "LOCUST_USERS": "3"})

    assert told == {"TOKEN": "t", "LOCUST_USERS": "3"}


def test_the_folder_of_a_locustfile_goes_along_without_what_it_does_not_need(tmp_path: Path) -> None:
    """Modules and data; no environments, caches and results; and never gigabytes."""
    for name in ("locustfile.py", "lib/data.json", ".git/x", "__pycache__/y", "venv/pyvenv.cfg", "venv/lib.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    load = Load(locustfile=tmp_path / "locustfile.py")

    assert {str(path.relative_to(tmp_path)) for path in files_of(load)} == {"locustfile.py", "lib/data.json"}
    with (tmp_path / "big").open("wb") as file:
        file.truncate(200 * 1024**2)
    with pytest.raises(MissingError, match="holds 200 MiB"):
        files_of(load)
    with pytest.raises(MissingError, match="holds 200 MiB"):  # when the engine is opened, before anything is built
        choose_networks(make_scenario(network="own", load={"locustfile": str(load.locustfile)}), elsewhere="")


@pytest.mark.parametrize(
    ("code", "taken"),
    [
        ("import os; os.environ.get('X'); self.env = '.env.local'", set()),
        ("from dotenv import load_dotenv", {".env"}),
        ('open("data/.users.csv")', {"data/.users.csv"}),
    ],
)
def test_hidden_files_go_along_only_where_the_locustfile_reads_them(tmp_path: Path, code: str, taken: set[str]) -> None:
    """Passwords of another program have no business in a container."""
    for name in (".env", ".envrc", ".netrc", "data/.users.csv", ".ssh/id", "locustfile.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    found = {str(path.relative_to(tmp_path)) for path in files_of(Load(locustfile=tmp_path / "locustfile.py"))}

    assert found == {"locustfile.py", *taken}


def test_a_file_beside_the_locustfile_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root reads everything, so that the refusal is made."""
    (tmp_path / "locustfile.py").write_text("x")
    (tmp_path / "key.pem").write_text("x")
    opens = Path.open

    def refuse(path: Path, *args: Any, **more: Any) -> Any:
        if path.name == "key.pem":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opens(path, *args, **more)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MissingError, match=r"key\.pem.*Permission denied"):
        files_of(Load(locustfile=tmp_path / "locustfile.py"))


def test_the_clocks_are_compared_anew_for_each_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kernels' clocks drift apart in the hours of a run."""
    plan = make_plan(tmp_path / "l.py", "http://127.0.0.1:1", tmp_path / "trial")
    plan.locustfile.write_text("x")
    plan.raw.mkdir(parents=True)
    plan.write()
    with agent() as (talk, _):
        place = AgentPlace(lambda: talk)
        assert place.clock_offset_s == 0.0
        monkeypatch.setattr(talk, "_compare_clocks", lambda: (Clock(3.0, 0.1), Clock()))
        place.share(plan)

        assert place.clock_offset_s == 3.0
        monkeypatch.setattr(talk, "_compare_clocks", lambda: (Clock(3.001, 0.2), Clock()))
        found = place.clock()
        assert found.offset_s == 3.0
        assert found.bound_s == pytest.approx(0.201), "the drift of the trial is in it"
        assert place.clock_offset_s == 3.0, "instants of one trial are moved by one offset"


def test_an_agent_that_looks_gets_two_capabilities_and_one_that_drives_none() -> None:
    """Root, for Docker 20.10 gives capabilities to nobody else; no folder of the machine but the cgroups, to read."""
    drives: dict[str, Any] = creation("sha256:1", labels("run", "b01-arm", "loads"), network="lab-x")
    looks: dict[str, Any] = creation("sha256:1", labels("run", "b01-arm", "agent"), looks=True)

    marks = labels("run", "b01-arm", "agent")
    signals: dict[str, Any] = creation("sha256:1", marks, looks=True, acts=Acts.SIGNALS)
    groups: dict[str, Any] = creation("sha256:1", marks, looks=True, acts=Acts.GROUPS)

    assert (looks["cap_drop"], looks["cap_add"]) == (["ALL"], ["SYS_PTRACE", "DAC_READ_SEARCH"])
    assert groups["cap_add"] == signals["cap_add"] == [*looks["cap_add"], "KILL"]
    assert (looks["pid_mode"], looks["cgroupns"], looks["userns_mode"]) == ("host", "host", "host")
    assert {mount["Target"]: mount["ReadOnly"] for mount in looks["mounts"]} == {"/sys/fs/cgroup": True}
    assert signals["mounts"] == looks["mounts"]
    assert {mount["Target"]: mount["ReadOnly"] for mount in groups["mounts"]} == {"/sys/fs/cgroup": False}
    assert (looks["network_mode"], drives["network"]) == ("host", "lab-x")
    assert not {"cap_add", "mounts", "network_mode", "privileged"} & drives.keys()
    assert drives["labels"]["lab.run"] == "run"


def test_a_container_of_a_trial_is_found_by_its_name_and_publishes_nothing() -> None:
    """Only in the network of the trial."""
    asked = attachment("lab-net", "app-1")

    assert asked["networking_config"]["lab-net"]["Aliases"] == ["app-1"]
    assert "ports" not in asked
    assert attachment("") == {"network_mode": "host"}


def test_its_image_holds_what_the_program_imports_pinned_as_the_lab_has_it(tmp_path: Path) -> None:
    """Nothing but these files, psutil, pydantic and the standard library: neither polars nor Docker's SDK."""
    context = agent_context(ROOT)
    for path in context.paths:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / path).read_bytes())
    (tmp_path / "lab" / "__init__.py").write_text("")
    imported = "lab.agent.__main__, lab.attest.evidence, lab.sampling.__main__, lab.engines.readiness"
    imported += ", lab.attest.echo, lab.attest.transparency"
    code = f"import sys, {imported}; print([m for m in ('polars', 'docker', 'numpy') if m in sys.modules])"
    # Without site there is no editable lab, only the copy; the libraries come from where the tests have them.
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(psutil.__file__).parents[1]}"}
    done = subprocess.run([sys.executable, "-S", "-P", "-c", code], env=environment, capture_output=True, text=True)

    assert done.stdout.strip() == "[]", done.stderr
    locked = (ROOT / "requirements/lab.txt").read_text()
    pinned = (ROOT / "lab/engines/docker/agent/requirements.txt").read_text().splitlines()
    names = [line for line in pinned if line.startswith(("locust==", "psutil==", "pydantic==", "gevent=="))]
    assert len(names) == 4
    assert all(f"\n{line}\n" in locked for line in names)


def test_its_image_has_every_module_that_one_of_its_modules_imports() -> None:
    """Also where a function imports it: a module that is divided takes its parts along, or this names them."""
    paths = set(agent_context(ROOT).paths)
    modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths}

    imported = {
        (path, node.module)
        for path in paths
        if path.endswith(".py")
        for node in _imports(ast.parse((ROOT / path).read_text()))
        if node.module and node.module.startswith("lab.")
    }
    assert len(imported) > len(modules)
    assert {(path, module) for path, module in imported if module not in modules} == set()


def test_its_image_has_every_function_that_is_called_there() -> None:
    """Also those that only a drill or a watchdog calls: without one the trial would end in the middle."""
    paths = set(agent_context(ROOT).paths)
    called = {
        (path.relative_to(ROOT).as_posix(), node.args[0].id)
        for path in (ROOT / "lab").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "there"
        if node.args and isinstance(node.args[0], ast.Name)
    }
    homes = {name: _home(path, name) for path, name in called}

    assert {"send", "ask", "who", "answers", "members", "look_inside", "pid_inside"} <= set(homes)
    assert {name: home for name, home in homes.items() if home not in paths} == {}


def _home(path: str, name: str) -> str:
    """The file in which a function is, that a module of the lab knows by this name."""
    module = importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    return Path(inspect.getsourcefile(getattr(module, name)) or "").relative_to(ROOT).as_posix()


def _imports(tree: ast.AST) -> Iterator[ast.ImportFrom]:
    """Every import of it that happens, which those for the type checker do not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom):
            yield node
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from _imports(node)


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
    assert "app.server_header" in caught.value.hint


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
    assert (OwnRights().sampled_by, OwnRights().memory_obstacle) == ("the lab itself", None)
    assert NoRights("no image").memory_obstacle == "no image"


def run_with(rights: Rights) -> RunInfo:
    """A run whose environment says what a lab with these may."""
    facts = EngineFacts(sampled_by=rights.sampled_by, memory_obstacle=rights.memory_obstacle)
    return make_run(make_scenario(), environment=Environment(facts=told(facts)))


def test_a_report_says_nothing_of_rights_where_they_were_there() -> None:
    """The usual case needs no words."""
    run = run_with(OwnRights())

    assert (rights_fact(run), rights_note(run), list(rights_caveats(run))) == ("", "", [])


def test_a_report_says_that_an_agent_read_the_processes() -> None:
    """A fact, and no caveat: the numbers are the same."""
    run = run_with(ThroughAgent("sha256:1"))

    assert rights_fact(run) == "sampled through an agent container"
    assert (rights_note(run), list(rights_caveats(run))) == ("", [])


def test_a_report_says_what_is_missing_why_and_what_to_do() -> None:
    """On the first screen the gist, among the caveats the engine's own words."""
    run = run_with(NoRights("the engine refuses a container that sees the host's processes: no."))
    (caveat,) = rights_caveats(run)

    assert "(PSS) is missing" in rights_note(run)
    assert "run the lab as root" in rights_note(run)
    assert "PSS and USS are missing" in caveat


def test_the_wall_clock_of_another_kernel_is_compared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events, steps and jobs of an engine have its instants; here both clocks are one, and only look like two."""
    with agent() as (talk, _):
        monkeypatch.setattr("lab.agent.conversation.clock_name", lambda: "")
        talk.compare()

        assert abs(talk.wall_clock.offset_s) <= talk.wall_clock.bound_s + 0.01
        assert 0 < talk.wall_clock.bound_s < 1

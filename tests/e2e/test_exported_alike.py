"""A/A: an arm as the lab deploys it, and as `lab export` has Docker Compose do, under one schedule, in turn."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import docker
import polars as pl
import psutil
import pytest

from lab.analysis.points import parts_of
from lab.analysis.trial.latency import measured
from lab.engines.docker.opening import open_docker
from lab.host.labels import RUN, SERVICE
from lab.host.ports import free_ports
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.plan.topology import Endpoint
from lab.record.folder import read_info
from lab.scenario.network import LOOPBACK
from tests.e2e.conftest import ON_THE_ENGINE, REPOSITORY, lab, run_beside_others
from tests.forked_loads import FORKED
from tests.integration.test_exported import COMPOSED, answer, composed
from tests.load_runs import make_plan, start_load, wait_finished

pytestmark = [*ON_THE_ENGINE, pytest.mark.alone]

# An image that no other test's app is from, for a stranger's processes from it would share pages with these.
SCENARIO = f"""
question = "Is what is exported what was measured?"
[app]
build = "{REPOSITORY}"
requirements = "{REPOSITORY}/requirements/app.txt"
build_args = {{ IMAGE = "alike" }}
[budget]
processes = 2
[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[load]
locustfile = "{REPOSITORY}/locustfiles/json_api.py"
rate = 60
lanes = 8
warmup = "1s"
measure = "3s"
[trials]
blocks = 1
"""
ARM = "replicas"
SERVING = ("app-1", "app-2")
CONTAINERS = {*SERVING, "nginx"}
OURS = f"alike-tests-{os.getpid()}"
PAIRS = 5
# Of the serving processes, which are the same programs with the same requests behind them; nginx is small, and how much
# it has touched depends on how many requests were on their way at once.
SERVING_WITHIN, ARM_WITHIN = 0.02, 0.05
# Loopback on one side, a published port on the other, which costs part of a millisecond of a p50 of one or two. Both of
# a pair are a few seconds apart: on a busy machine single pairs were at 0.4 and 2.5, and their median at 0.8.
P50_WITHIN = 3.0


@pytest.fixture(scope="module", autouse=True)
def copies_of_locust() -> Iterator[None]:
    """What the loads are copied from goes with these tests."""
    yield
    FORKED.close()


def fill_in(file: Path, values: Mapping[str, str]) -> None:
    """The list of values, filled in as a person does: nothing else in the file is another."""
    lines = file.read_text().splitlines()
    names = [line.partition("=")[0] for line in lines]
    assert values.keys() == {name for name in names if not name.startswith("#")}
    filled = [f"{name}={values[name]}" if name in values else line for name, line in zip(names, lines, strict=True)]
    file.write_text("".join(f"{line}\n" for line in filled))


def driven(url: str, folder: Path, seed: int) -> pl.DataFrame:
    """The measured requests of one schedule, which ``seed`` decides."""
    folder.mkdir(parents=True)
    plan = make_plan(REPOSITORY / "locustfiles" / "json_api.py", url, folder, rate=60.0, seed=seed)
    with start_load(plan, place=FORKED) as load, load.users("none", "X-Served-By"):
        wait_finished(load)
        load.result(folder / "requests.parquet", 0.0)
    return measured(pl.read_parquet(folder / "requests.parquet"))


def p50_s(rows: pl.DataFrame) -> float:
    """From when requests were due."""
    times: Any = rows.select((pl.col("t_done_s") - pl.col("t_scheduled_s")).median()).item()
    return float(times)


def memory(client: docker.DockerClient, selection: str, label: str) -> dict[str, int]:
    """The PSS of all processes of each container of the arm, by the name of its service."""
    found = client.containers.list(filters={"label": selection})
    tables = {each.labels[label]: each.top(ps_args="-o pid")["Processes"] for each in found}
    return {
        name: sum(psutil.Process(int(pid)).memory_full_info().pss for (pid,) in rows)
        for name, rows in tables.items()
        if name in CONTAINERS
    }


def test_what_is_exported_serves_as_what_the_lab_deploys(client: docker.DockerClient, tmp_path: Path) -> None:
    """An arm of a run: no request fails in either, memory is the same, and half of the answers come as soon."""
    (tmp_path / "alike.toml").write_text(SCENARIO)
    run_beside_others(tmp_path / "alike.toml", "--out", tmp_path / "runs", "--wait-for-quiet=0")
    ((run,), out) = (tmp_path / "runs").iterdir(), tmp_path / "exported"
    done = lab("export", run, "--arm", ARM, "--to", "compose", "--out", out)
    assert done.code == 0, done.err
    info, (port,) = read_info(run), free_ports(1, (23000, 23999), os.getpid())
    image = {f"{key.upper()}_IMAGE": info.images[key]["name"] for key in ("app", "nginx")}
    fill_in(out / "values.env", {**image, "PUBLISHED_PORT": f"{LOOPBACK}:{port}"})
    ((point, _),) = parts_of(info)
    engine, _ = open_docker(point.scenario, OURS, print, docker_client=lambda: client)
    trial = next(trial for trial in build_plan(point.scenario).trials if trial.arm.name == ARM)
    topology = build_topology(point.scenario, trial, engine.free_ports(ports_needed(point.scenario, trial.arm), seed=1))
    entries = {"lab": topology.entry, "compose": Endpoint(host=LOOPBACK, port=port)}
    found: dict[str, list[pl.DataFrame]] = {way: [] for way in entries}
    with composed(out, OURS), engine.deploy(topology):
        assert [answer(entry, "/ready")[0] for entry in entries.values()] == [200, 200]
        for pair in range(PAIRS):
            for way in sorted(entries, reverse=pair % 2 == 0):  # the first is another one in each pair
                found[way].append(driven(entries[way].url, tmp_path / f"{way}-{pair}", seed=pair))
        ours = memory(client, f"{RUN}={OURS}", SERVICE)
        theirs = memory(client, f"com.docker.compose.project={OURS}", COMPOSED)

    sent = {way: [rows.height for rows in pairs] for way, pairs in found.items()}
    assert sent["lab"] == sent["compose"]
    assert min(sent["lab"]) > 50
    assert {way: sum((~rows["ok"]).sum() for rows in pairs) for way, pairs in found.items()} == dict.fromkeys(found, 0)
    assert ours.keys() == theirs.keys() == CONTAINERS
    serving = [sum(each[name] for name in SERVING) for each in (ours, theirs)]
    assert serving[1] == pytest.approx(serving[0], rel=SERVING_WITHIN), (ours, theirs)
    assert sum(theirs.values()) == pytest.approx(sum(ours.values()), rel=ARM_WITHIN), (ours, theirs)
    ratios = [p50_s(b) / p50_s(a) for a, b in zip(found["lab"], found["compose"], strict=True)]
    assert 1 / P50_WITHIN < median(ratios) < P50_WITHIN, ratios

"""The generator's ceiling: how many requests a second Locust makes here when the answer costs next to nothing.

Measured once per machine and versions against an nginx that answers every request itself, and kept in the cache
directory (METHOD 2). The client is the simplest there is, a loop of GETs of FastHttpUser, and not the scenario's own
locustfile: that one may wait between tasks, check answers that nginx cannot give, or log in first, and its ceiling
would then be that of its waits. So the ceiling is an upper bound; a locustfile that does more reaches less. What it
really uses, the pilot of a search for capacity measures (lab/run/generator.py), and elsewhere the gate on the CPU of
the load processes watches. Where any arm has TLS, so has this nginx: a client
that encrypts reaches less.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from lab.engines import Engine
from lab.errors import LoadError
from lab.host.interrupts import INTERRUPTS
from lab.host.places import cache_folder, scratch
from lab.load.place import HERE, Place
from lab.plan.arm_topology import FRONT_PORT, NOMINAL, secured
from lab.plan.certificate import CERTIFICATE, KEY, Certificate
from lab.plan.fronts import nginx
from lab.plan.fronts.front import FrontPlace
from lab.plan.topology import Endpoint, Topology
from lab.record.disk import disk_errors, write_atomically
from lab.record.types import Calibration, Environment, Phase
from lab.run.drive import load_plan
from lab.run.tools import Tools
from lab.scenario.budget import Limits
from lab.scenario.model import Load
from lab.scenario.network import Network
from lab.units import cores_of

TRIAL_ID = "calibration"
NEEDED_IMAGE = nginx.IMAGE.key  # of what answers
LANES = 16  # for each load process; measured on two cores: 4.8 k/s with 1 lane, 6.4 k/s with 8, 6.5 k/s with 16
WARMUP_S = 1.0
MEASURE_S = 3.0
SLICE_S = 1.0  # the best second counts: whatever else runs on the machine can only lower a ceiling
GRACE_S = 30.0
POLL_S = 0.05
MACHINE = ("engine_at", "kernel", "cpu_count", "memory_bytes", "load_cores")  # of a node that drives load; not its name
VERSIONS = ("machine", "lab", "locust", "python", "kernel", "cpu_count")

LOCUSTFILE = """\
from locust import FastHttpUser, constant, task


class Loop(FastHttpUser):
    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/")
"""


def calibration_of(
    engine: Engine | None,
    environment: Environment,
    load: Load,
    say: Callable[[str], None],
    certificate: Certificate = NOMINAL,
    place: Place = HERE,
    *,
    tools: Tools | None = None,
    root: Path | None = None,
) -> Calibration | None:
    """The ceiling of the processes of ``load`` where they run: as kept, or else measured now (about 6 s).

    ``certificate``: the run's, where any of its arms has TLS. ``engine`` None, for a run that needs no nginx and so has
    none: what an earlier run has measured, or None. ``place``: where all load of the run is driven; in a network of its
    own the ceiling is another one.
    ``root`` replaces the cache directory. Raises LabError.
    """
    path = (root or cache_folder("calibration")) / f"{_key(environment, load, certificate, place)}.json"
    kept = _read(path)
    if kept is not None or engine is None:
        return kept
    say("measuring the ceiling of the load generator (once per machine and versions)")
    with INTERRUPTS.deferred(), scratch("calibration") as directory:
        found = measure(engine, load, directory, tools or Tools(), certificate, place)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(asdict(found), indent=1).encode())
    return found


def measure(
    engine: Engine,
    load: Load,
    directory: Path,
    tools: Tools,
    certificate: Certificate = NOMINAL,
    place: Place = HERE,
) -> Calibration:
    """Deploy nginx, drive the loop of GETs, take both down. Files go to ``directory``. Raises LabError.

    No trial, and so not ``run_trial``: there is no app to attest, to sample or to break, and its gates would ask what
    a closed loop at its limit fails on purpose. What drives the load, and the order of starts and ends, are the same.
    """
    locustfile = directory / "loop.py"
    locustfile.write_text(LOCUSTFILE, encoding="utf-8")
    table = directory / "requests.parquet"
    network = place.network
    port = FRONT_PORT if network is Network.OWN else engine.free_ports(1, 0)[0]
    topology = answering_nginx(port, certificate, network)
    plan = load_plan(closed_loop(locustfile, load), topology, 0, directory, min_warmup_requests=0)
    with (
        tools.loads(directory, place) as loads,
        loads.start(plan) as driving,
        engine.deploy(topology),
        driving.users("none", ""),
    ):
        give_up_at = tools.clock() + WARMUP_S + MEASURE_S + GRACE_S
        while not driving.poll().finished:
            if tools.clock() > give_up_at:
                raise LoadError("the calibration of the load generator does not end", "`lab doctor` shows why")
            driving.nap(POLL_S)
        outcome = driving.result(table, tools.clock())
    done = pl.read_parquet(table).filter((pl.col("phase") == Phase.MEASURE) & pl.col("error").is_null())
    if done.is_empty():
        raise LoadError("the calibration of the load generator got no answer from nginx")
    return Calibration(
        ceiling_per_s=best_rate(done["t_done_s"].to_numpy()),
        load_processes=load.all_processes,
        lanes=outcome.counters.lanes,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        tls=_secured(certificate),
    )


def best_rate(done_s: npt.NDArray[np.float64]) -> float:
    """Most completions in any whole slice of SLICE_S, a second; ``done_s`` are instants, in any order, at least one."""
    instants = done_s - done_s.min()
    slices = max(1, int(instants.max() / SLICE_S))
    counts = np.bincount((instants / SLICE_S).astype(int), minlength=slices)[:slices]
    return float(counts.max() / SLICE_S)


def answering_nginx(port: int, certificate: Certificate = NOMINAL, network: Network = Network.HOST) -> Topology:
    """One nginx that answers every request itself: as quick as a server on this machine can be."""
    tls = _secured(certificate)
    place = FrontPlace(app=(), ports=(port,), limits=Limits(), network=network, certificate=certificate)
    service = nginx.service(configuration(place.listens[0], tls=tls), place, tls=tls)
    named = Endpoint(port=port, host=network.host_of(service.name))
    at = secured(named, certificate) if tls else named
    return Topology(
        trial_id=TRIAL_ID,
        services=(replace(service, host=at.host),),
        entry=at,
        app=(at,),
        processes=1,
        ready_path="/",
        ready_timeout_s=GRACE_S,
        network=network,
    )


def _secured(certificate: Certificate) -> bool:
    """Whether one was made for the run."""
    return bool(certificate.authority)


def configuration(listens: str, *, tls: bool = False) -> str:
    """The nginx.conf of ``answering_nginx``."""
    secured_by = f" ssl; ssl_certificate {CERTIFICATE}; ssl_certificate_key {KEY}" if tls else ""
    return f"""\
daemon off;
worker_processes auto;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path client_body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 100000000;
    server {{
        listen {listens}{secured_by};
        default_type application/json;
        location / {{ return 200 '{{"Hello":"World"}}'; }}
    }}
}}
"""


def closed_loop(locustfile: Path, load: Load) -> Load:
    """The closed model, by the processes and on the cores of ``load``: every lane asks again as soon as it can."""
    return Load(
        locustfile=locustfile,
        processes=load.processes,
        cores=load.cores,
        nodes=load.nodes,
        lanes=LANES * load.all_processes,
        warmup=WARMUP_S,
        measure=MEASURE_S,
        rate=None,
    )


def load_cores(environment: Environment, load: Load) -> int:
    """How many cores load processes have: their own, or those of this machine or of the least node that drives load."""
    if load.cores:
        return len(cores_of(load.cores))
    facts = environment.known
    theirs = [each.load_cores or each.cpu_count or 1 for each in facts.driving]
    return min(theirs) if theirs else facts.cpu_count or 1


def _key(environment: Environment, load: Load, certificate: Certificate, place: Place) -> str:
    """Tell what the ceiling depends on; a change of any of it is another file."""
    tls = ["tls"] if _secured(certificate) else []
    known = environment.known
    own = [place.network.value, str(known.engine_at)] if place.network is Network.OWN else []
    there = [str(getattr(each, key)) for each in known.driving for key in MACHINE]
    apart = [f"cores {load.cores}"] if load.cores else []
    facts = [load.processes, LOCUSTFILE, *(str(getattr(known, key)) for key in VERSIONS), *tls, *own, *there, *apart]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _read(path: Path) -> Calibration | None:
    """None when nothing is kept, or nothing that can be used: a cache is measured again, not repaired."""
    try:
        return Calibration(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None

"""How quickly the Docker engine brings N replicas up and down, beside N bare parallel ``docker run`` of the same image.

Run: .venv/bin/python benchmarks/deploy.py [--replicas 16] [--rounds 3]
Budgets: ready within 1.5 x the bare time, removal under 5 s.
"""

from __future__ import annotations

import argparse
import http.client
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from lab.engines.kinds import open_engine
from lab.host.ports import free_ports
from lab.plan.arm_topology import build_topology
from lab.plan.blocks import build_plan
from lab.scenario.budget import Budget
from lab.scenario.model import App, Arm, Load, Scenario

REPOSITORY = Path(__file__).parent.parent
DEADLINE_S = 120.0


def scenario(replicas: int) -> Scenario:
    """One arm of ``replicas`` containers of the app in this repository."""
    return Scenario(
        question="How quickly do replicas start?",
        app=App(build=REPOSITORY, requirements=REPOSITORY / "requirements" / "app.txt"),
        arms=(Arm(name="replicas", model="replicas", front="nginx"),),
        budget=Budget(processes=replicas),
        load=Load(locustfile=REPOSITORY / "locustfiles" / "json_api.py"),
    )


def bare(image: str, replicas: int, seed: int) -> float:
    """Seconds until N bare containers, started in parallel by the docker command, have all answered."""
    ports = free_ports(replicas, (20000, 29999), seed)
    base = ["docker", "run", "--detach", "--rm", "--network", "host", "--label", "lab.run=benchmark-deploy"]

    def start(port: int) -> str:
        serve = ["uvicorn", "app.main:app", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
        return subprocess.run([*base, image, *serve], check=True, capture_output=True, text=True).stdout.strip()

    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(replicas))
        started = time.monotonic()
        containers = list(threads.map(start, ports))
        stack.callback(subprocess.run, ["docker", "rm", "--force", *containers], check=True, capture_output=True)
        for port in ports:
            wait_for(port, started + DEADLINE_S)
        return time.monotonic() - started


def wait_for(port: int, give_up_at: float) -> None:
    """Return when GET /ready on the port is 200."""
    while time.monotonic() < give_up_at:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/ready")
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    raise SystemExit(f"port {port} did not answer")


def main() -> None:
    """Alternate both ways, print every round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    given = scenario(options.replicas)
    engine, images = open_engine(given, "benchmark-deploy", print)
    trial = build_plan(given).trials[0]
    ours, theirs, removals = [], [], []
    for round_number in range(options.rounds):
        theirs.append(bare(images["app"].id, options.replicas, round_number))
        topology = build_topology(given, trial, engine.free_ports(options.replicas + 1, round_number))
        started = time.monotonic()
        with engine.deploy(topology):
            ours.append(time.monotonic() - started)
            leaving = time.monotonic()
        removals.append(time.monotonic() - leaving)
        print(f"round {round_number + 1}: bare {theirs[-1]:.2f} s, lab {ours[-1]:.2f} s, removal {removals[-1]:.2f} s")
    ratio = median(ours) / median(theirs)
    print(
        f"{options.replicas} replicas ready: {median(ours):.2f} s against {median(theirs):.2f} s bare ({ratio:.2f} x)"
    )
    print(f"removed in {median(removals):.2f} s")


if __name__ == "__main__":
    main()

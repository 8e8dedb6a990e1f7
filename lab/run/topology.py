"""The topology of a trial, on ports that are free now."""

from lab.engines import Engine
from lab.plan.arm_topology import NOMINAL, build_topology, ports_needed
from lab.plan.certificate import Certificate
from lab.plan.topology import Topology
from lab.plan.trial import Trial


def topology_of(engine: Engine, trial: Trial, port: int = 0, certificate: Certificate = NOMINAL) -> Topology:
    """The arm on free ports; ``port``, unless 0, where clients connect, wherever in its list of ports that belongs."""
    scenario = trial.scenario
    needed = ports_needed(scenario, trial.arm, engine.elsewhere)
    ports = [free for free in engine.free_ports(needed, trial.setup_seed) if free != port]
    if port and needed:
        ports.insert(build_topology(scenario, trial, range(needed)).entry.port, port)
    return build_topology(scenario, trial, ports[:needed], engine.elsewhere, certificate)

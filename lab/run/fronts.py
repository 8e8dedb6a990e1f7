"""Prove once for each front of a run, before its first trial, that everything which works directly works behind it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lab.attest.echo import echo_server
from lab.attest.transparency import opacity
from lab.engines import Engine
from lab.errors import DeploymentError, InvalidRunError, ScenarioError
from lab.host.interrupts import INTERRUPTS
from lab.plan.blocks import NOMINAL, secured
from lab.plan.certificate import Certificate
from lab.plan.fronts.front import Front, FrontPlace, front_of, front_title
from lab.plan.topology import Endpoint, Topology
from lab.scenario.budget import Limits
from lab.scenario.kinds import Options
from lab.scenario.model import Arm, Scenario

READY_S = 20.0
SEED = 0  # of the ports: any will do

Opaque = Mapping[str, Mapping[str, str]]  # a front's title → what does not pass as without it → the proof


def attest_fronts(
    engine: Engine, scenario: Scenario, say: Callable[[str], None], certificate: Certificate = NOMINAL
) -> Opaque:
    """Ask an echo server behind each front that the arms have, each set of options once; over TLS where clients do.

    An engine elsewhere cannot reach this machine's echo server: nothing is asked there, and nothing known.
    Raises InvalidRunError (exit 3) for a front that claims to be transparent and is not, ScenarioError (exit 2) when
    a configuration of the user's does not start.
    """
    if engine.elsewhere:
        return {}
    found = {}
    for number, arm in enumerate(_different(scenario)):
        title, front = front_title(arm), front_of(arm)
        say(f"looking at what {title} lets pass")
        found[title] = _opacity(engine, arm, front, f"front-{number + 1}", certificate)
        unexpected = {item: seen for item, seen in found[title].items() if item not in front.lacks}
        if unexpected and front.transparent(arm.front):
            proof = "; ".join(f"{item} ({seen})" for item, seen in unexpected.items())
            raise InvalidRunError(
                f"{title} does not let pass what works without it: {proof}",
                "the arms would not be given the same requests; try another image of the front ([images])",
            )
    return found


def _different(scenario: Scenario) -> Iterator[Arm]:
    """An arm for each front with each set of options."""
    found: dict[Options, Arm] = {}
    for arm in scenario.arms:
        if arm.fronted:
            found.setdefault(arm.front, arm)
    yield from found.values()


def _opacity(engine: Engine, arm: Arm, front: Front[Any], trial_id: str, certificate: Certificate) -> Mapping[str, str]:
    echo_port, *ports = engine.free_ports(1 + front.hops, SEED)
    with INTERRUPTS.deferred(), echo_server(echo_port) as echo:
        topology = before_echo(front, arm, echo, tuple(ports), trial_id, certificate)
        try:
            with engine.deploy(topology), INTERRUPTS.admitted():
                return opacity(echo, topology.entry)
        except DeploymentError as error:
            if front.transparent(arm.front):
                raise
            raise ScenarioError(f"{front_title(arm)} of arm {arm.name} does not start: {error}", error.hint) from None


def before_echo(
    front: Front[Any],
    arm: Arm,
    echo: Endpoint,
    ports: tuple[int, ...],
    trial_id: str,
    certificate: Certificate = NOMINAL,
) -> Topology:
    """The front alone, with the echo server in place of the app."""
    place = FrontPlace(app=(echo,), ports=ports, limits=Limits(), certificate=certificate)
    entry = front.entry(arm.front, place)
    return Topology(
        trial_id=trial_id,
        services=front.services(arm.front, place),
        entry=secured(entry, certificate) if arm.tls else entry,
        app=place.app,
        processes=1,
        ready_path="/",
        ready_timeout_s=READY_S,
    )

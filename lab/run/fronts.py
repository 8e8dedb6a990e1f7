"""Prove once for each front of a run, before its first trial, that everything which works directly works behind it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from lab.attest.echo import begin_echo, end_echo
from lab.attest.transparency import opacity
from lab.engines import Engine
from lab.errors import DeploymentError, InvalidRunError, ScenarioError
from lab.host.interrupts import INTERRUPTS
from lab.load.place import HERE, Place
from lab.plan.arm_topology import FRONT_PORT, NOMINAL, probe_headers, secured
from lab.plan.certificate import Certificate
from lab.plan.fronts.front import Front, FrontPlace, front_of, front_title
from lab.plan.topology import Endpoint, Topology
from lab.scenario.budget import Limits
from lab.scenario.kinds import Options
from lab.scenario.model import Arm, Scenario
from lab.scenario.network import Network

READY_S = 20.0
SEED = 0  # of the ports: any will do

Opaque = Mapping[str, Mapping[str, str]]  # a front's title → what does not pass as without it → the proof


def attest_fronts(
    engine: Engine,
    scenario: Scenario,
    say: Callable[[str], None],
    certificate: Certificate = NOMINAL,
    place: Place = HERE,
) -> Opaque:
    """Ask an echo server behind each front that the arms have, each set of options once; over TLS where clients do.

    An engine elsewhere cannot reach this machine: the echo server is then where load is, and is asked from there.
    Raises InvalidRunError (exit 3) for a front that claims to be transparent and twice was not, ScenarioError (exit 2)
    when a configuration of the user's does not start.
    """
    found, asking = {}, place.inside if engine.elsewhere else HERE
    for number, arm in enumerate(_different(scenario)):
        title, front = front_title(arm), front_of(arm)
        say(f"looking at what {title} lets pass")
        look = partial(_opacity, engine, scenario, arm, f"front-{number + 1}", certificate, asking)
        found[title] = _seen_twice(look, front, title, say) if front.transparent(arm.front) else look()
        unexpected = _unexpected(front, found[title])
        if unexpected and front.transparent(arm.front):
            proof = "; ".join(f"{item} ({seen})" for item, seen in unexpected.items())
            raise InvalidRunError(
                f"{title} does not let pass what works without it: {proof}",
                "the arms would not be given the same requests; try another image of the front ([images])",
            )
    return found


def _seen_twice(
    look: Callable[[], Mapping[str, str]], front: Front[Any], title: str, say: Callable[[str], None]
) -> Mapping[str, str]:
    """What a front is set up to do it does again: an exchange that broke once is said, and ends no run."""
    first = look()
    if not _unexpected(front, first):
        return first
    found = look()
    for item, seen in _unexpected(front, first).items():
        if item not in found:
            say(f"{title}: {item} did not pass once ({seen}), and did when looked at again")
    return found


def _unexpected(front: Front[Any], found: Mapping[str, str]) -> Mapping[str, str]:
    return {item: seen for item, seen in found.items() if item not in front.lacks}


def _different(scenario: Scenario) -> Iterator[Arm]:
    """An arm for each front with each set of options."""
    found: dict[Options, Arm] = {}
    for arm in scenario.arms:
        if arm.fronted:
            found.setdefault(arm.front, arm)
    yield from found.values()


def _opacity(
    engine: Engine, scenario: Scenario, arm: Arm, trial_id: str, certificate: Certificate, place: Place
) -> Mapping[str, str]:
    front = front_of(arm)
    with INTERRUPTS.deferred(), _echo(place) as echo:
        own = tuple(range(FRONT_PORT, FRONT_PORT + front.hops))
        ports = own if place.network is Network.OWN else engine.free_ports(front.hops, SEED)
        topology = before_echo(front, arm, echo, ports, trial_id, certificate, place.network)
        if not front.transparent(arm.front):  # it may serve the app's paths and names only
            topology = replace(topology, ready_path=scenario.app.ready_path, probe_headers=probe_headers(scenario))
        try:
            with engine.deploy(topology), INTERRUPTS.admitted():
                return place.call(opacity, echo, topology.entry)
        except DeploymentError as error:
            if front.transparent(arm.front):
                raise
            raise ScenarioError(f"{front_title(arm)} of arm {arm.name} does not start: {error}", error.hint) from None


@contextmanager
def _echo(place: Place) -> Iterator[Endpoint]:
    """The echo server there, as a front finds it."""
    port = place.call(begin_echo, place.network.bind)
    try:
        yield Endpoint(host=place.host, port=port)
    finally:
        place.call(end_echo)


def before_echo(
    front: Front[Any],
    arm: Arm,
    echo: Endpoint,
    ports: tuple[int, ...],
    trial_id: str,
    certificate: Certificate = NOMINAL,
    network: Network = Network.HOST,
) -> Topology:
    """The front alone, with the echo server in place of the app."""
    place = FrontPlace(app=(echo,), ports=ports, limits=Limits(), network=network, certificate=certificate)
    hops = tuple(replace(hop, host=network.host_of(hop.name)) for hop in front.services(arm.front, place))
    entry = replace(front.entry(arm.front, place), host=hops[0].host)
    return Topology(
        trial_id=trial_id,
        services=hops,
        entry=secured(entry, certificate) if arm.tls else entry,
        app=place.app,
        processes=1,
        ready_path="/",
        ready_timeout_s=READY_S,
        network=network,
    )

"""Acts by which an arm gets something new: another set of containers, one process more, another certificate."""

from __future__ import annotations

import hashlib
import signal
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from random import Random

from lab.attest.serving import Member, serving
from lab.engines import UpdateEnd
from lab.engines.there import fingerprint
from lab.errors import DeploymentError
from lab.plan.certificate import FOR_ALL, FOR_ONE
from lab.plan.kinds import Role
from lab.plan.topology import ConfigFile, Endpoint
from lab.record.schema import CERTIFICATE_SEEN
from lab.run.scene import Scene
from lab.run.slots import LOOKS_EACH, Slots
from lab.run.updating import tell_ends
from lab.scenario.drills import Update

COMES_S = 60.0  # so long may a further process take
LOOK_S = 0.1
PAUSE_S = 0.02
SHOWN = 16  # digits of a fingerprint, for people


def blue_green(scene: Scene) -> bool:
    """Start a whole set of new containers, have the front go over to it, and take the old set away."""
    slots, new = Slots(scene=scene), scene.deployment.topology.further
    old, began_s = slots.app, time.monotonic()
    scene.deployment.add(new)
    scene.done("added", began_s, detail=", ".join(service.name for service in new))
    if not slots.take_out(old, new, scene.drill.drain):
        return False
    for service in old:
        if scene.wait(0):
            return False
        began_s = time.monotonic()
        how = scene.deployment.remove(service.name)
        scene.done("removed", began_s, detail=f"{service.name}: {how}")
    return True


def scale(scene: Scene) -> bool:
    """Start one serving process more. Raises DeploymentError when none comes."""
    before = {(member.pid, member.started) for member in serving(scene.members())}
    supervisors = [member for member in scene.members() if member.role == Role.SUPERVISOR]
    if supervisors:
        scene.signal(Random(scene.seed).choice(supervisors), signal.SIGTTIN)
    elif not _add_behind_the_front(scene):
        return False
    began_s = time.monotonic()
    while not (came := [each for each in serving(scene.members()) if (each.pid, each.started) not in before]):
        if scene.wait(LOOK_S):
            return False
        if time.monotonic() > began_s + COMES_S:
            raise DeploymentError(
                f"{scene.deployment.topology.trial_id}: no further process came within {COMES_S:g} s",
                "let its server know SIGTTIN (uvicorn does since 0.30), or leave the arm out",
            )
    scene.done("came", began_s, came[0])
    return True


def _add_behind_the_front(scene: Scene) -> bool:
    slots, more, began_s = Slots(scene=scene), scene.deployment.topology.further, time.monotonic()
    if not more:
        raise DeploymentError(f"{scene.deployment.topology.trial_id}: there is nothing to add to it")
    scene.deployment.add(more)
    scene.done("added", began_s, detail=", ".join(service.name for service in more))
    if not slots.listen():
        return False
    slots.put_back(more, (*slots.app, *more))
    return True


def rotate_cert(scene: Scene) -> bool:
    """Put another certificate in the place of the one that clients are shown, and have it read.

    An engine that never changes what a service was given replaces the service, by an update of its own.

    Raises DeploymentError when new connections are not shown it.
    """
    certificate, topology = scene.certificate, scene.deployment.topology
    if certificate is None:
        raise DeploymentError(f"{topology.trial_id}: there is no other certificate to show")
    before, asked_s, replacing = _connections(scene), time.monotonic(), scene.deployment.replacing
    files, how = certificate.files(FOR_ONE if topology.fronted else FOR_ALL), scene.drill.update or Update()
    over = replacing(_doors(scene), "", how, files) if replacing else _reread(scene, files)
    began_s = time.monotonic()
    if not _shown(scene, fingerprint_of(certificate.chain)):
        return False
    tell_ends(scene, asked_s, over(), how)
    if scene.wait(max(0.0, began_s + scene.drill.hold - time.monotonic())):
        return False
    scene.done("closed", time.monotonic(), detail=f"{len(before - _connections(scene))} of {len(before)} connections")
    return True


def _doors(scene: Scene) -> list[str]:
    """The services that clients connect to."""
    return [scene.deployment.service_at(entry) for entry in scene.deployment.topology.entries]


def _reread(scene: Scene, files: Sequence[ConfigFile]) -> Callable[[], Mapping[str, UpdateEnd]]:
    """Write them where they are read from, and tell those who do; no update has to be waited for."""
    fronted = scene.deployment.topology.fronted
    for door in _doors(scene):
        scene.deployment.write(door, files)
        for process in _readers(scene, door):
            scene.signal(process, scene.front.signal if fronted and scene.front else signal.SIGHUP)
    return dict


def _readers(scene: Scene, entry: str) -> list[Member]:
    """Who has to read the certificate: the front, or the supervisors, whose new workers do."""
    if not scene.deployment.topology.fronted:
        return [member for member in scene.members() if member.role == Role.SUPERVISOR]
    return [scene.first_process(entry)]


def _connections(scene: Scene) -> frozenset[tuple[str, int]]:
    """The connections of clients, each with the service that has it."""
    ways = zip(_doors(scene), scene.deployment.topology.entries, strict=True)
    return frozenset((door, inode) for door, entry in ways for inode in scene.connections(door, [entry.port]))


def _ways(scene: Scene) -> Iterator[Endpoint]:
    """Where clients connect, in turn and without end: by name where a new container has another address."""
    topology, names = scene.deployment.topology, {}
    if scene.deployment.replacing is not None:
        names = {service.name: service.host for service in topology.services}
    ways = zip(_doors(scene), topology.entries, strict=True)
    return cycle([replace(entry, host=names.get(door, entry.host)) for door, entry in ways])


def _shown(scene: Scene, wanted: str) -> bool:
    """Wait until so many new connections in a row as tell it are shown it; False where the trial ends before."""
    topology, row, first_s, began_s = scene.deployment.topology, 0, 0.0, time.monotonic()
    ways = _ways(scene)
    while row < LOOKS_EACH * topology.processes:
        asked_s = time.monotonic()
        if scene.deployment.there(fingerprint, next(ways)) != wanted:
            row = 0
        elif not (row := row + 1) - 1:
            first_s = asked_s
        if scene.wait(PAUSE_S):
            return False
        if asked_s > began_s + COMES_S:
            raise DeploymentError(
                f"{topology.trial_id}: {COMES_S:g} s after its change new connections are shown the old certificate",
                "see the log of its server",
            )
    scene.done(CERTIFICATE_SEEN, first_s, detail=wanted[:SHOWN])
    return True


def fingerprint_of(chain: bytes) -> str:
    """That of the first certificate of a chain."""
    first, end, _ = chain.decode().partition("-----END CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first + end)).hexdigest()

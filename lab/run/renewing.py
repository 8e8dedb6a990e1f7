"""Acts by which an arm gets something new: another set of containers, one process more, another certificate."""

from __future__ import annotations

import hashlib
import signal
import ssl
import time
from random import Random

from lab.attest.serving import Member, serving
from lab.engines.readiness import connection_to
from lab.errors import DeploymentError
from lab.plan.certificate import FOR_ALL, FOR_ONE
from lab.plan.kinds import Role
from lab.plan.topology import Endpoint
from lab.record.schema import CERTIFICATE_SEEN
from lab.run.scene import Scene
from lab.run.slots import LOOKS_EACH, TIMEOUT_S, Slots

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

    Raises DeploymentError when new connections are not shown it.
    """
    certificate, topology = scene.certificate, scene.deployment.topology
    if certificate is None:
        raise DeploymentError(f"{topology.trial_id}: there is no other certificate to show")
    entry, before = scene.deployment.service_at(topology.entry), _connections(scene)
    files = certificate.files(FOR_ONE if topology.fronted else FOR_ALL)
    scene.deployment.write(entry, files)
    for process in _readers(scene, entry):
        scene.signal(process, scene.front.signal if topology.fronted and scene.front else signal.SIGHUP)
    began_s = time.monotonic()
    if not _shown(scene, fingerprint_of(certificate.chain)):
        return False
    if scene.wait(max(0.0, began_s + scene.drill.hold - time.monotonic())):
        return False
    scene.done("closed", time.monotonic(), detail=f"{len(before - _connections(scene))} of {len(before)} connections")
    return True


def _readers(scene: Scene, entry: str) -> list[Member]:
    """Who has to read the certificate: the front, or the supervisors, whose new workers do."""
    if not scene.deployment.topology.fronted:
        return [member for member in scene.members() if member.role == Role.SUPERVISOR]
    return [scene.first_process(entry)]


def _connections(scene: Scene) -> frozenset[int]:
    """The connections of clients."""
    entry = scene.deployment.topology.entry
    return scene.connections(scene.deployment.service_at(entry), [entry.port])


def _shown(scene: Scene, wanted: str) -> bool:
    """Wait until so many new connections in a row as tell it are shown it; False where the trial ends before."""
    topology, row, first_s, began_s = scene.deployment.topology, 0, 0.0, time.monotonic()
    while row < LOOKS_EACH * topology.processes:
        asked_s = time.monotonic()
        if scene.deployment.there(fingerprint, topology.entry) != wanted:
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


def fingerprint(endpoint: Endpoint) -> str:
    """The SHA-256 of the certificate that a new connection is shown; "" where none could be made."""
    connection = connection_to(endpoint, TIMEOUT_S)
    try:
        connection.connect()
        shown = connection.sock.getpeercert(binary_form=True) if isinstance(connection.sock, ssl.SSLSocket) else None
    except OSError:
        return ""
    finally:
        connection.close()
    return hashlib.sha256(shown).hexdigest() if shown else ""


def fingerprint_of(chain: bytes) -> str:
    """That of the first certificate of a chain."""
    first, end, _ = chain.decode().partition("-----END CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first + end)).hexdigest()

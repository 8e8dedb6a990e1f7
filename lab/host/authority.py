"""An authority for one run, and the certificates that it signs: one, and one to take its place."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from lab.errors import MissingError
from lab.plan.arm_topology import NOMINAL
from lab.plan.blocks import service_names
from lab.plan.certificate import Certificate
from lab.scenario.model import Scenario
from lab.scenario.network import LOOPBACK

NAMES = (LOOPBACK, "localhost")


def certificate_for(scenario: Scenario) -> Certificate:
    """What the servers of a run show, where any of them speaks TLS. Raises MissingError."""
    return make_certificate((*service_names(scenario), *_addresses(scenario))) if scenario.tls else NOMINAL


def _addresses(scenario: Scenario) -> Iterable[str]:
    """By what load of other machines asks for the arms."""
    return (node.address for node in scenario.nodes if node.address)


def make_certificate(names: Iterable[str] = (), not_after: datetime | None = None) -> Certificate:
    """A certificate for this machine's loopback and the ``names`` of services; its authority signs nothing else.

    Keys are of ECDSA, on the curve P-256, as public authorities have them signed today. Raises MissingError.
    """
    try:
        import trustme
    except ImportError as error:
        raise MissingError(
            f"TLS without tools for certificates: {error}",
            "install trustme beside the lab (`pip install trustme`), or leave out tls",
        ) from None
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    hosts = dict.fromkeys((*NAMES, *names))

    def signed() -> Certificate:
        made = authority.issue_cert(*hosts, not_after=not_after, key_type=trustme.KeyType.ECDSA)
        return Certificate(
            chain=b"".join(part.bytes() for part in made.cert_chain_pems),
            key=made.private_key_pem.bytes(),
            authority=authority.cert_pem.bytes().decode(),
        )

    return replace(signed(), next=signed())

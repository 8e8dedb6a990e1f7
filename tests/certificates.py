"""Certificates that nobody trusts beforehand, as a run makes them, and servers that show them."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from lab.host.authority import make_certificate
from lab.plan.certificate import Certificate


def serving(made: Certificate) -> ssl.SSLContext:
    """What serves with it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as both:
        Path(both.name).write_bytes(made.key + made.chain)
        context.load_cert_chain(both.name)
    return context


def certificate(*names: str) -> tuple[str, ssl.SSLContext]:
    """The authority (PEM) of a certificate for this machine's loopback and ``names``, and what serves with it."""
    made = make_certificate(names)
    return made.authority, serving(made)

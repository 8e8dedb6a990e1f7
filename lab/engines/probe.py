"""One connection to an endpoint of an arm, for the probes of readiness and attestation."""

from __future__ import annotations

import http.client
import ssl

from lab.plan.topology import Endpoint


def connection_to(endpoint: Endpoint, timeout_s: float) -> http.client.HTTPConnection:
    """A connection that is not open yet; over TLS the certificate must be signed by whom the endpoint trusts."""
    if endpoint.scheme == "http":
        return http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)
    context = ssl.create_default_context(cafile=endpoint.trust)
    return http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=timeout_s, context=context)

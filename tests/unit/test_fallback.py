"""How requests are attributed when the app's answers carry no header: decided from the evidence, before any load."""

from __future__ import annotations

import pytest

from lab.attest.attest import fallback_of
from lab.attest.claims import Evidence
from lab.plan.topology import Endpoint, Topology

OWN, FRONT = 20000, 20009


def topology(*app_ports: int, processes: int, port: int) -> Topology:
    return Topology(
        trial_id="b01-arm",
        services=(),
        entry=Endpoint(port=port),
        app=tuple(Endpoint(port=each) for each in app_ports),
        processes=processes,
        ready_path="/",
        ready_timeout_s=1.0,
    )


@pytest.mark.parametrize(
    ("servers", "app_ports", "port", "expected"),
    [
        (("pid-7", "pid-8"), (OWN,), OWN, "socket"),
        (("at-127.0.0.1:20000",), (OWN,), OWN, "socket"),
        (("1-3f9ac2d4", "1-00aa11bb"), (OWN,), OWN, "none"),
        (("at-127.0.0.1:20000", "at-127.0.0.1:20001"), (OWN, OWN + 1), FRONT, "upstream"),
        (("1-3f9ac2d4", "1-00aa11bb"), (OWN, OWN + 1), FRONT, "upstream"),
        (("pid-7", "pid-8"), (OWN,), FRONT, "none"),
        (("at-127.0.0.1:20000",), (OWN,), FRONT, "upstream"),
    ],
)
def test_the_fallback(servers: tuple[str, ...], app_ports: tuple[int, ...], port: int, expected: str) -> None:
    """Sockets where clients reach the app itself, upstreams where each process has its own, else nothing."""
    evidence = Evidence(servers=dict.fromkeys(servers, 1), roles={}, listeners={})

    assert fallback_of(evidence, topology(*app_ports, processes=len(servers), port=port)) == expected

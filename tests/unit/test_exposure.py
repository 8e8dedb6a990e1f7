"""An app that listens for the whole network is told: the lab's own listeners are on loopback only."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

from lab.attest.claims import caveats
from lab.attest.evidence import exposed_ports
from tests.unit.test_attestation import GOOD_WORKERS

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ADDRESSES = {
    20001: ("tcp", "0100007F"),  # 127.0.0.1
    20002: ("tcp", "00000000"),  # 0.0.0.0
    20003: ("tcp", "0204000A"),  # 10.0.4.2
    20004: ("tcp6", "00000000000000000000000001000000"),  # ::1
    20005: ("tcp6", "00000000000000000000000000000000"),  # ::
    20006: ("tcp6", "0000000000000000FFFF00000100007F"),  # ::ffff:127.0.0.1
    20007: ("tcp6", "0000000000000000FFFF00000204000A"),
    20008: ("tcp6", "000080FE00000000000000000000007F"),  # a link-local address that ends in 7F
    20009: ("tcp", "0200007F"),  # 127.0.0.2
}


def test_every_kind_of_address_is_told_apart(tmp_path: Path) -> None:
    """Loopback of both families, also one in the other; everything else can be reached."""
    for table in ("tcp", "tcp6"):
        lines = [
            f"   0: {address}:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1\n"
            for port, (family, address) in ADDRESSES.items()
            if family == table
        ]
        (tmp_path / table).write_text(HEAD + "".join(lines))

    assert exposed_ports(ADDRESSES, tmp_path) == (20002, 20003, 20005, 20007, 20008)
    assert exposed_ports({20001}, tmp_path) == ()


def test_real_listeners_are_seen() -> None:
    """As this machine's kernel shows them; the port that the network could reach is closed at once."""
    with socket.socket() as private, socket.socket() as public:
        private.bind(("127.0.0.1", 0))
        public.bind(("0.0.0.0", 0))
        private.listen()
        public.listen()
        ports = {listener.getsockname()[1] for listener in (private, public)}
        assert exposed_ports(ports) == (public.getsockname()[1],)


def test_an_exposed_arm_carries_a_caveat() -> None:
    """An arm on loopback carries none."""
    (caveat,) = caveats(replace(GOOD_WORKERS, exposed=(20002,)))

    assert (caveat.key, caveat.outcome) == ("attestation.exposed", "caveat")
    assert caveats(GOOD_WORKERS) == []

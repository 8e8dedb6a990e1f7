"""Which ports of an arm the network can reach: a listener on anything but loopback (kernel: proc_net_tcp.rst)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

LISTEN = "0A"
IPV4 = 8  # hexadecimal digits
LOOPBACK_6 = "00000000000000000000000001000000"
MAPPED = "0000000000000000FFFF0000"  # ::ffff:a.b.c.d, an IPv4 address in a socket of the other family


def exposed_ports(ports: Collection[int], net: Path = Path("/proc/net")) -> tuple[int, ...]:
    """Those of ``ports`` on which this machine listens at an address other than 127.0.0.0/8 and ::1, in order."""
    found = set()
    for table in (net / "tcp", net / "tcp6"):
        for line in table.read_text().splitlines()[1:] if table.is_file() else ():
            _, local, _, state, *_ = line.split()
            address, _, port = local.rpartition(":")
            if state == LISTEN and int(port, 16) in ports and not _loopback(address):
                found.add(int(port, 16))
    return tuple(sorted(found))


def _loopback(address: str) -> bool:
    """``address`` as the kernel prints it: 32-bit words, each with its bytes in the order of this machine (little)."""
    four = address.removeprefix(MAPPED)
    return address == LOOPBACK_6 or (len(four) == IPV4 and four.endswith("7F"))

"""Who holds which connection: from descriptors and the kernel's table, as little as possible of the latter."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lab.engines.readiness import owner_pids
from lab.plan.kinds import Role
from lab.record.schema import ConnectionRow
from lab.sampling.arm_processes import Member
from lab.sampling.connections import Connections
from lab.sampling.sockets import Client, clients, socket_inodes
from tests.fake_processes import FakeProcess, member

PORT = 20000
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
IPV6 = "0000000000000000FFFF00000100007F"  # ::ffff:127.0.0.1
OTHER, THIRD = "0200D50A", "0000000000000000FFFF00000301D50A"  # 10.213.0.2, ::ffff:10.213.1.3


def line(local: int, remote: int, inode: int, state: str = "01", address: str = "0100007F") -> str:
    """A line of /proc/PID/net/tcp."""
    ends = f"{address}:{local:04X} {address}:{remote:04X}"
    return f"   0: {ends} {state} 00000000:00000000 00:00000000 00000000  1000        0 {inode} 1 0000000000000000\n"


def show(proc: Path, sockets: Mapping[int, Sequence[int]], tcp: str = "", tcp6: str = "") -> None:
    """A /proc whose processes have these sockets open, and some other file each."""
    for pid, inodes in sockets.items():
        for folder in ("fd", "net"):
            (proc / str(pid) / folder).mkdir(parents=True, exist_ok=True)
        for old in (proc / str(pid) / "fd").iterdir():
            old.unlink()
        targets = ["/dev/null", "anon_inode:[eventpoll]", *(f"socket:[{inode}]" for inode in inodes)]
        for number, target in enumerate(targets):
            (proc / str(pid) / "fd" / str(number)).symlink_to(target)
        for name, text in (("tcp", tcp), ("tcp6", tcp6)):
            (proc / str(pid) / "net" / name).write_text(HEADER + text)


def members(*pids: int) -> list[Member]:
    return [member(FakeProcess(pid)) for pid in pids]


def held(rows: Sequence[ConnectionRow]) -> dict[int, int]:
    """Client port → pid."""
    return {row.client_port: row.pid for row in rows}


def test_each_connection_belongs_to_the_process_that_holds_it(tmp_path: Path) -> None:
    """Over IPv4 and over a listener on [::]; the listener, other ports and the client's own end are nobody's."""
    tcp = line(PORT, 0, 1, "0A") + line(PORT, 40001, 11) + line(40001, PORT, 12) + line(PORT + 1, 40003, 13)
    tcp6 = line(PORT, 40002, 22, "08", IPV6)
    show(tmp_path, {41: [1, 11, 12], 42: [1, 13, 22]}, tcp, tcp6)

    rows = Connections(PORT, "app", tmp_path).rows(members(41, 42), 1.5, look_again=False)

    assert held(rows) == {40001: 41, 40002: 42}
    assert {(row.t_s, row.service, row.client) for row in rows} == {(1.5, "app", "127.0.0.1")}


def test_a_socket_in_two_processes_says_nothing(tmp_path: Path) -> None:
    """A child that inherited its parent's descriptors must not be taken for the one that serves, nor the reverse."""
    show(tmp_path, {41: [11, 12], 42: [11]}, line(PORT, 40001, 11) + line(PORT, 40002, 12))

    assert held(Connections(PORT, "app", tmp_path).rows(members(41, 42), 1.0, look_again=False)) == {40002: 41}


def test_the_kernels_table_is_read_only_when_a_socket_is_new(tmp_path: Path) -> None:
    """It is dear; what is known stays known until somebody says to look again."""
    connections = Connections(PORT, "app", tmp_path)
    show(tmp_path, {41: [11]}, line(PORT, 40001, 11))
    assert held(connections.rows(members(41), 1.0, look_again=False)) == {40001: 41}

    show(tmp_path, {41: [11]}, line(PORT, 49999, 11))
    assert held(connections.rows(members(41), 1.5, look_again=False)) == {40001: 41}
    assert held(connections.rows(members(41), 2.0, look_again=True)) == {49999: 41}

    show(tmp_path, {41: [11, 12]}, line(PORT, 40001, 11) + line(PORT, 40002, 12))
    assert held(connections.rows(members(41), 2.5, look_again=False)) == {40001: 41, 40002: 41}


def test_processes_that_ended_and_the_platform_hold_nothing(tmp_path: Path) -> None:
    """Ending is no error, and containerd-shim serves nobody."""
    show(tmp_path, {41: [11]}, line(PORT, 40001, 11))
    shim = member(FakeProcess(41), Role.PLATFORM)

    assert Connections(PORT, "app", tmp_path).rows([*members(43), shim], 1.0, look_again=True) == []


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")])
def test_a_real_connection(family: socket.AddressFamily, host: str) -> None:
    """As this kernel writes it, for a listener on IPv4 and for one on all addresses of both families."""
    with socket.create_server((host, 0), family=family, dualstack_ipv6=family == socket.AF_INET6) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, listener.accept()[0] as accepted:
            client_port = client.getsockname()[1]
            found = clients(Path("/proc"), os.getpid(), port)

            assert found == {os.fstat(accepted.fileno()).st_ino: Client("127.0.0.1", client_port)}
            assert found.keys() <= socket_inodes(Path("/proc"), os.getpid())
            assert owner_pids(port, [os.getpid(), 2**22 + 1]) == {client_port: os.getpid()}
            assert owner_pids(port, []) == owner_pids(port, [2**22 + 1]) == owner_pids(1, [os.getpid()]) == {}


def test_a_port_that_two_machines_have_given_out_is_told_by_their_addresses(tmp_path: Path) -> None:
    """Each is another connection, and may be held by another process."""
    tcp, tcp6 = line(PORT, 40001, 11, address=OTHER), line(PORT, 40001, 21, address=THIRD)
    show(tmp_path, {41: [11], 42: [21]}, tcp, tcp6)
    rows = Connections(PORT, "app", tmp_path).rows(members(41, 42), 1.5, look_again=False)
    assert {(row.client, row.client_port): row.pid for row in rows} == {
        ("10.213.0.2", 40001): 41,
        ("10.213.1.3", 40001): 42,
    }

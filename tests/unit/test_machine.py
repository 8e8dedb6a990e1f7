"""What a tier did to the machine is told, thing by thing; what could not be seen is not compared."""

from __future__ import annotations

import pytest

from tests.machine import Facts, changes

BEFORE: Facts = {
    "network interface": {"lo": "127.0.0.1", "docker0": "172.17.0.1"},
    "Docker network": {"bridge": "1", "host": "2"},
    "firewall": {"iptables-save": "*filter\n-A FORWARD -j DOCKER\nCOMMIT\n"},
    "volume": {},
    "container": {"shop": "running 2026-11-28T05:00:00Z"},
}


@pytest.mark.parametrize(
    ("kind", "after", "told"),
    [
        ("network interface", {"lo": "127.0.0.1"}, "network interface docker0 is gone"),
        (
            "Docker network",
            {"bridge": "9", "host": "2"},
            "Docker network bridge is not as it was:\n- 1\n+ 9",
        ),
        (
            "firewall",
            {"iptables-save": "*filter\nCOMMIT\n"},
            "firewall iptables-save is not as it was:\n- -A FORWARD -j DOCKER",
        ),
        ("volume", {"d8d5": ""}, "volume d8d5 was left behind"),
        (
            "container",
            {"shop": "running 2026-11-28T06:00:00Z"},
            "container shop is not as it was:\n- running 2026-11-28T05:00:00Z\n+ running 2026-11-28T06:00:00Z",
        ),
        ("container", {}, "container shop is gone"),
    ],
)
def test_each_change_is_named(kind: str, after: dict[str, str], told: str) -> None:
    assert changes(BEFORE, {**BEFORE, kind: after}) == [told]


def test_what_was_not_seen_before_is_no_change() -> None:
    """Docker that was started in between brings its networks."""
    assert changes({}, BEFORE) == []
    assert changes(BEFORE, BEFORE) == []

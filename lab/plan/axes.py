"""What a run can sweep, declared once each: how a value is called, where it stands, and what curves go by. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.scenario.model import Scenario
from lab.scenario.sweep import RESOURCES, SWEPT
from lab.units import MIB, format_bytes, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One key of ``[sweep]``: the key ``key`` of the table ``part`` (budget or load) has its values in turn.

    ``title`` names the axis of a curve and ``number`` is a value on it; ``short`` is a value in names of trials,
    ``called`` in sentences, ``amount`` without its mode.
    """

    key: str
    part: str
    title: str
    number: Callable[[Any], float]
    short: Callable[[Any], str]
    called: Callable[[Any], str]
    amount: Callable[[float], str]

    def swept(self, scenario: Scenario) -> tuple[Any, ...]:
        """The values that the scenario names, in its order."""
        return tuple(getattr(scenario.sweep, self.key))

    def at(self, scenario: Scenario) -> Any:
        """The value that a point, or a scenario without points, has."""
        return getattr(getattr(scenario, self.part), self.key)

    @property
    def is_resource(self) -> bool:
        """Tell whether less of it is cheaper, so that how much is enough is a question."""
        return self.key in RESOURCES


def mode_of(value: Any) -> str:
    """``"pooled"`` or ``"split"`` of a quota: amounts of one are not those of the other; "" of a number."""
    return getattr(value, "mode", "")


def _dashed(number: float) -> str:
    return f"{number:.10g}".replace(".", "-").replace("+", "")


def _size_key(size: float) -> str:
    return f"{_dashed(size / MIB)}mib"


_ALL = (
    Axis(
        key="processes",
        part="budget",
        title="number of serving processes",
        number=float,
        short=lambda value: f"n{value}",
        called=lambda value: f"N = {value}",
        amount=lambda value: f"{value:g} {plural('process', value)}",
    ),
    Axis(
        key="cpus",
        part="budget",
        title="CPUs of the whole arm",
        number=lambda quota: float(quota.amount),
        short=lambda quota: f"{quota.mode[0]}{_dashed(quota.amount)}cpu",
        called=lambda quota: f"{quota.amount:g} {plural('CPU', quota.amount)} {quota.mode}",
        amount=lambda value: f"{value:g} {plural('CPU', value)}",
    ),
    Axis(
        key="memory",
        part="budget",
        title="memory of the whole arm (MiB)",
        number=lambda quota: float(quota.amount) / MIB,
        short=lambda quota: f"{quota.mode[0]}{_size_key(quota.amount)}",
        called=lambda quota: f"{format_bytes(quota.amount)} {quota.mode}",
        amount=lambda value: format_bytes(value * MIB),
    ),
    Axis(
        key="rate",
        part="load",
        title="requests a second",
        number=lambda rate: float(rate or 0.0),
        short=lambda rate: f"r{_dashed(rate)}",
        called=lambda rate: f"{rate:.10g} requests a second",
        amount=lambda value: f"{value:g}/s",
    ),
)
AXES: Mapping[str, Axis] = {key: axis for key in SWEPT for axis in _ALL if axis.key == key}
NAMED = ("processes", "rate", "cpus", "memory")  # the order of a point's names


def swept_axes(scenario: Scenario) -> tuple[Axis, ...]:
    """Those that the scenario sweeps, in the order of a point's names."""
    return tuple(AXES[key] for key in NAMED if AXES[key].swept(scenario))

"""Durations and sizes as people write them, and the one table that turns stored units into text."""

import re
from collections.abc import Iterable, Mapping
from math import isfinite

_DURATION_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_SIZE_BYTES = {
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", re.ASCII)

KIB = 1024
MIB = 1024**2
GIB = 1024**3


def parse_duration_s(text: str) -> float:
    """``"500ms"``, ``"10s"``, ``"2m"`` → seconds. Raises ValueError that says what was expected."""
    return _parse(text, _DURATION_S, 'a duration like "500ms", "10s" or "2m"')


def parse_size_bytes(text: str) -> int:
    """``"100MB"``, ``"1GiB"`` → bytes. Raises ValueError that says what was expected."""
    return round(_parse(text, _SIZE_BYTES, 'a size like "512MiB" or "1GiB"'))


def _parse(text: str, units: Mapping[str, float], expected: str) -> float:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in units:
        raise ValueError(f"expected {expected}, got {text!r}")
    return float(match[1]) * units[match[2]]


def finite(number: float | None) -> float | None:
    """The number, or None for an infinite one, which JSON does not know."""
    return number if number is not None and isfinite(number) else None


def format_bytes(size: float) -> str:
    """Bytes → ``"34.1 MiB"``: binary units, three significant digits or one decimal."""
    for limit, unit in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if abs(size) >= limit:
            return f"{size / limit:.1f} {unit}"
    return f"{size:.0f} B"


def format_signed_bytes(size: float) -> str:
    """Bytes → ``"+1.2 MiB"``, ``"−340.0 KiB"``, ``"±0 B"``."""
    sign = "±" if round(size) == 0 else "−" if size < 0 else "+"
    return sign + format_bytes(abs(size))


def format_seconds(duration_s: float) -> str:
    """Seconds → ``"830 µs"``, ``"2.13 ms"``, ``"41.0 ms"``, ``"410 ms"``, ``"1.25 s"``, ``"2 min 41 s"``.

    What is rounded up to the next form has that form: 9.998 ms is ``"10.0 ms"``, as 10 ms is.
    """
    magnitude = abs(duration_s) if abs(duration_s) >= 1 else float(f"{abs(duration_s):.3g}")
    if magnitude >= 120:
        minutes, seconds = divmod(round(duration_s), 60)
        return f"{minutes} min {seconds} s"
    if magnitude >= 1:
        return f"{duration_s:.2f} s"
    if magnitude >= 0.1:
        return f"{duration_s * 1e3:.0f} ms"
    if magnitude >= 0.01:
        return f"{duration_s * 1e3:.1f} ms"
    if magnitude >= 0.001:
        return f"{duration_s * 1e3:.2f} ms"
    return f"{duration_s * 1e6:.0f} µs"


def format_duration(duration_s: float) -> str:
    """How long something takes, for a person: ``"0.5 s"``, ``"24 s"``, ``"5 min 24 s"``, ``"2 h 5 min"``."""
    if duration_s < 60:
        return f"{duration_s:.3g} s"
    if duration_s < 3600:
        whole, rest, large, small = *divmod(round(duration_s), 60), "min", "s"
    else:
        whole, rest, large, small = *divmod(round(duration_s / 60), 60), "h", "min"
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"


def format_wait(duration_s: float) -> str:
    """How long a person waits: ``"40 s"``, ``"52 min"``, ``"3.5 h"``."""
    if duration_s < 90:
        return f"{duration_s:.0f} s"
    return f"{duration_s / 60:.0f} min" if duration_s < 90 * 60 else f"{duration_s / 3600:.1f} h"


def format_ratio(fraction: float) -> str:
    """0.2541 → ``"25.4%"``."""
    return f"{fraction * 100:.1f}%"


def count_of(number: int, what: str) -> str:
    """``"1 block"``, ``"3 blocks"``, ``"2 processes"``."""
    return f"{number} {plural(what, number)}"


def plural(what: str, number: float) -> str:
    """The word alone, for a number that stands elsewhere or has a form of its own: ``"CPU"``, ``"CPUs"``."""
    if number == 1:
        return what
    return f"{what}es" if what.endswith("s") else f"{what}s"


def format_count(count: float) -> str:
    """3 → ``"3"``, 2.5 → ``"2.50"``, 598.68 → ``"599"``, 12345 → ``"12,345"``: three significant digits at least."""
    if count == round(count) or abs(count) >= 100:
        return f"{round(count):,}"
    return f"{count:#.3g}"


def format_rounded(number: float) -> str:
    """212.34 → ``"212"``, 4012.7 → ``"4,010"``, 95.43 → ``"95.4"``: three significant digits and no more."""
    rounded = float(f"{number:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:g}"


def format_rate(per_second: float) -> str:
    """301.52 → ``"301.5/s"``, 6494.02 → ``"6,494/s"``."""
    return f"{per_second:,.{0 if abs(per_second) >= 1000 else 1}f}/s"


def format_factor(ratio: float) -> str:
    """0.88961 → ``"0.890"``, 12.34 → ``"12.3"``: how many times as much."""
    return f"{ratio:.3f}" if abs(ratio) < 10 else f"{ratio:.1f}"


def cores_of(text: str) -> tuple[int, ...]:
    """``"0-2,8"`` → (0, 1, 2, 8); empty for ""."""
    ends = [part.partition("-")[::2] for part in text.split(",") if part]
    return tuple(sorted({core for low, high in ends for core in range(int(low), int(high or low) + 1)}))


def named_cores(text: str) -> str:
    """``"3"`` → ``"core 3"``, ``"0-2"`` → ``"cores 0-2"``."""
    return f"{plural('core', len(cores_of(text)))} {text}"


def cores_text(cores: Iterable[int]) -> str:
    """(0, 1, 2, 8) → ``"0-2,8"``."""
    spans: list[list[int]] = []
    for core in sorted(set(cores)):
        if spans and core == spans[-1][-1] + 1:
            spans[-1][1:] = [core]
        else:
            spans.append([core])
    return ",".join("-".join(map(str, span)) for span in spans)

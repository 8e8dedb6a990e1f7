"""SVG as text: elements, numbers, paths. Everything from outside passes through here and comes out harmless."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from lab.report.renderers.text import one_line

CHARACTER = 6.4  # pixels of an average character at the size of the labels
ELLIPSIS = "…"
LONGEST = 110  # characters of any label: the width of a figure


def tag(name: str, *children: str, **attributes: str | float | None) -> str:
    """An element; ``class_`` is written class, ``data_x`` data-x; attributes that are None are left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(children)
    return f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>"


def _plain(value: str | float) -> str:
    return one_line(value) if isinstance(value, str) else num(value)


def num(value: float) -> str:
    """A tenth of a pixel is finer than any screen."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def words(text: str) -> str:
    """Text from outside as the content of an element."""
    return escape(one_line(text))


def hint(text: str) -> str:
    """What a mark stands for: shown when the pointer rests on it, read out by a screen reader."""
    return tag("title", words(text))


def label(text: str, x: float, y: float, limit: int = LONGEST, **attributes: str | float | None) -> str:
    """One line of text; longer than ``limit`` characters it is cut, and whole in its hint."""
    short = cut(text, limit)
    whole = hint(text) if short != one_line(text) else ""
    return tag("text", escape(short), whole, x=x, y=y, **attributes)


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters, the last of them an ellipsis where there were more."""
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + ELLIPSIS


def path(points: Iterable[tuple[float, float | None]]) -> str:
    """The data of a path through the points; a None interrupts it. A point alone is a stroke of no length."""
    parts: list[str] = []
    down = False
    for x, y in points:
        if y is None:
            down = False
            continue
        parts.append(f"{'L' if down else 'M'}{num(x)},{num(y)}")
        if not down:
            parts.append("h0")
        down = True
    return "".join(parts)


def area(upper: Iterable[tuple[float, float | None]], lower: Iterable[tuple[float, float | None]]) -> str:
    """The data of a closed shape between two lines over the same places; where either is None it is not there."""
    runs: list[list[tuple[float, float, float]]] = [[]]
    for (x, high), (_, low) in zip(upper, lower, strict=True):
        if high is None or low is None:
            runs.append([])
        else:
            runs[-1].append((x, high, low))
    return "".join(_closed(run) for run in runs if run)


def _closed(run: list[tuple[float, float, float]]) -> str:
    forth = [f"{num(x)},{num(high)}" for x, high, _ in run]
    back = [f"{num(x)},{num(low)}" for x, _, low in reversed(run)]
    return f"M{'L'.join([*forth, *back])}Z"

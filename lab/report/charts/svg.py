"""A drawing as SVG text: elements, numbers and paths; and what all figures share: colours, sizes, legends.

Everything from outside passes through here and comes out harmless.

One colour for each arm everywhere (Okabe and Ito's palette, safe for colour-blind readers, without its black and
yellow, which vanish on a dark or a light page); roles are shades of it. A mark is drawn in ``currentColor`` inside a
group that carries its arm's colour, and text is the page's, so that one drawing suits light, dark and paper.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from lab.report.renderers.text import one_line

CHARACTER = 6.4  # pixels of an average character at the size of the labels
ELLIPSIS = "…"
LONGEST = 110  # characters of any label: the width of a figure
ARM_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
DASHES = ("", "6 3", "2 2", "8 2 2 2", "1 4", "12 3 3 3", "10 4 2 4")
WIDTH = 860.0
ROW = 18.0
NAME_LIMIT = 28  # characters; longer names are cut with an ellipsis, the tables have them in full


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
    """Say what a mark stands for: shown when the pointer rests on it, read out by a screen reader."""
    return tag("title", words(text))


def dot_class(*, hollow: bool) -> str:
    """The class of a value's mark: filled, or hollow where it does not count."""
    return "ring mark" if hollow else "dot mark"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An entry of a legend that is no arm: ``mark`` is a small drawing of 22 by 10 pixels."""

    name: str
    mark: str


@dataclass(frozen=True, slots=True)
class Legend:
    """The rows above a figure, and how high they are."""

    markup: str
    height: float


@cache
def figure_css() -> str:
    """The rules that a drawing needs, inside a page or inside an SVG file of its own."""
    return files("lab.report").joinpath("figure.css").read_text(encoding="utf-8")


def drawing(title: str, height: float, *children: str, width: float = WIDTH) -> str:
    """The whole figure as one element; ``title`` is what a screen reader says of it."""
    return tag(
        "svg",
        *children,
        class_="figure",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label=title,
    )


def drawing_of(*children: str, **attributes: str) -> str:
    """A drawing that says nothing to a screen reader: the text beside it does."""
    return tag("svg", *children, aria_hidden="true", **attributes)


def arm_colour(place: int) -> str:
    """The colour of the arm at this place of the scenario, in every figure."""
    return ARM_COLOURS[place % len(ARM_COLOURS)]


def in_arm(place: int, *children: str, **attributes: str | float | None) -> str:
    """Marks of the arm at this place of the scenario: its colour, and a handle to hide them by."""
    return tag("g", *children, class_="arm", data_arm=str(place), color=arm_colour(place), **attributes)


def beside_arm(place: int, *children: str) -> str:
    """Text that comes and goes with the arm, in the colour of the page."""
    return tag("g", *children, class_="arm", data_arm=str(place))


def shades(count: int) -> tuple[float, ...]:
    """Opacities from strong to faint, one for each part of a stack."""
    return tuple(1 - 0.75 * place / max(1, count - 1) for place in range(count))


def stroke_key(name: str, dash: str = "", width: float = 2.0, opacity: float = 1.0) -> Key:
    """A legend entry for a kind of line."""
    line = tag(
        "line",
        x1=0,
        x2=22,
        y1=5,
        y2=5,
        class_="ink",
        stroke_width=width,
        stroke_dasharray=dash or None,
        stroke_opacity=f"{opacity:g}",
    )
    return Key(name=name, mark=line)


def fill_key(name: str, opacity: float) -> Key:
    """A legend entry for a kind of area."""
    looks = {"class_": "solid", "fill_opacity": f"{opacity:.2f}", "stroke_opacity": "0.4"}
    return Key(name=name, mark=tag("rect", x=4, width=14, height=10, **looks))


def legend(arms: Sequence[str], keys: Sequence[Key] = (), whole: float = WIDTH) -> Legend:
    """Arms by colour, then other marks, in as many rows as ``whole`` pixels take."""
    swatches = [in_arm(place, tag("rect", x=4, width=14, height=10, fill="currentColor")) for place in range(len(arms))]
    entries = [*zip(arms, swatches, range(len(arms)), strict=True), *((key.name, key.mark, None) for key in keys)]
    parts: list[str] = []
    x, y = 0.0, 0.0
    for name, mark, place in entries:
        width = 28 + CHARACTER * len(cut(name, NAME_LIMIT)) + 16
        if x and x + width > whole:
            x, y = 0.0, y + ROW
        text = label(name, x + 27, y + 9.5, NAME_LIMIT)
        entry = tag("g", mark, transform=f"translate({x:.0f} {y:.0f})") + text
        parts.append(entry if place is None else beside_arm(place, entry))
        x += width
    return Legend(tag("g", *parts, class_="legend"), y + ROW + 8 if entries else 0.0)


def standalone(svg: str, title: str) -> str:
    """The drawing as a file of its own: black on white, so that a dark page does not swallow its text."""
    head, _, rest = svg.partition(">")
    box = head.partition('viewBox="')[2].partition('"')[0]
    width, height = box.split()[2:]
    return (
        f'{head} xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" color="#1b1f24">'
        f"<title>{words(title)}</title><style>{figure_css()}</style>"
        f'<rect width="{width}" height="{height}" fill="white"/>{rest}'
    )

"""Drawings: values stand where they belong, gaps stay gaps, and nothing from outside is more than text."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from lab.analysis.comparison import compare_run
from lab.analysis.summary import summarise
from lab.report.build import build_content
from lab.report.charts.axes import Stretch
from lab.report.charts.bars import Group, Grouped, Mark
from lab.report.charts.curves import Curves, Plot, Series
from lab.report.charts.forest import ratios
from lab.report.charts.heat import Heat, HeatPanel, HeatRow
from lab.report.charts.scales import Scale, linear, logarithmic, nice_step, span, tail
from lab.report.charts.svg import area, cut, num, path, tag
from lab.report.content import Chart
from lab.report.renderers.markdown import all_figures
from tests.hostile.reports import run_full_of

PHASES = (
    Stretch(name="warm-up", low=0, high=0.01),
    Stretch(name="measure", low=0.01, high=2, measured=True),
)
HOSTILE = '</svg><script>alert(1)</script>" onload="x" \x1b[31m' + "n" * 500


def test_numbers_are_short() -> None:
    """A tenth of a pixel, and no negative zero."""
    assert [num(value) for value in (1, 2.04, 2.06, -0.01, 1234.5)] == ["1", "2", "2.1", "0", "1234.5"]


def test_a_gap_interrupts_a_line_and_a_lone_point_is_a_dot() -> None:
    """Nothing is drawn across what is not known."""
    assert path([(0, 1), (1, 2), (2, None), (3, 4)]) == "M0,1h0L1,2M3,4h0"
    assert path([(0, None)]) == ""


def test_an_area_ends_where_either_border_is_unknown() -> None:
    """Two shapes around a gap."""
    upper, lower = [(0.0, 5.0), (1.0, 5.0), (2.0, None), (3.0, 6.0)], [(0.0, 1.0), (1.0, 2.0), (2.0, 2.0), (3.0, 3.0)]

    assert area(upper, lower) == "M0,5L1,5L1,2L0,1ZM3,6L3,3Z"


def test_attributes_and_text_are_escaped() -> None:
    """Whatever an attribute holds, it ends where we end it."""
    assert tag("g", data_x='"<&') == '<g data-x="&quot;&lt;&amp;"/>'
    assert len(cut("x" * 500, 20)) == 20


@pytest.mark.parametrize(
    ("scale", "value", "place"),
    [
        (linear([0, 10], zero=True), 0, 0.0),
        (linear([-5, 0], zero=True), -5, 0.06 / 1.12),
        (span(-5, 15), 5, 0.5),
        (Scale(low=1, high=100, ticks=(), kind="log"), 10, 0.5),
        (Scale(low=1, high=100, ticks=(), kind="log"), 0.0, 0.0),
        (tail(4), 2, 0.5),
        (span(0, 10), 99, 1.0),
    ],
)
def test_scales_put_values_in_their_place(scale: Scale, value: float, place: float) -> None:
    """From 0 at the lower end to 1 at the upper one, never beyond."""
    assert scale.at(value) == pytest.approx(place)


@pytest.mark.parametrize("values", [[], [0.0], [5.0], [5.0, 5.0], [1e-9, 2e-9], [-3.0, 1e9], [None, 4.0]])
def test_every_axis_has_a_length_and_round_labels(values: list[float | None]) -> None:
    """Also for no value, equal values, tiny and huge ones."""
    for scale in (linear(values, zero=True), linear(values), logarithmic(values)):
        assert scale.high > scale.low
        assert len(scale.ticks) <= 12
        assert all(scale.low <= at <= scale.high for at, _ in scale.ticks)
        assert len({text for _, text in scale.ticks}) == len(scale.ticks)


@pytest.mark.parametrize("least", [0.00012, 0.7, 1.0, 3.0, 6.0, 5000.0])
def test_steps_are_one_two_or_five(least: float) -> None:
    """Times a power of ten, and not smaller than asked for."""
    step = nice_step(least)

    assert least * 0.999 <= step <= 10 * least
    assert re.match("[125]", f"{step:e}")


LINE = Series(arm=0, name="line", xs=[0, 1, 2], ys=[1, None, 3], low=[1, 1, 1], high=[2, 2, 3])
CURVES = Curves(
    title="curves",
    arms=("workers",),
    plots=(Plot(series=(LINE,), heading="heading", arm=0, phases=PHASES),),
    x=span(0, 2),
    y=linear([3], zero=True),
    x_title="seconds",
    y_title="%",
)
ROW = HeatRow(name="4202", shares=[0.7, None])
HEAT = Heat(
    title="heat",
    x=span(0, 2),
    bin_s=1,
    even=0.5,
    x_title="seconds",
    panels=(HeatPanel(arm=0, heading="heading", starts=[0, 1], rows=(ROW,), phases=PHASES),),
)


def figures_of(text: str) -> dict[str, ElementTree.Element]:
    """Every figure of a report in which whatever can come from outside is this text."""
    info, trials = run_full_of(text)
    summary = summarise(info, trials)
    content = build_content(info, summary, compare_run(summary))
    return {
        type(figure.chart).__name__ + figure.key: ElementTree.fromstring(figure.svg) for figure in all_figures(content)
    }


def test_no_name_becomes_markup_and_long_ones_are_cut() -> None:
    """The same elements as for a plain name but for hints; well-formed; no text runs over the figure."""
    hostile, plain = figures_of(HOSTILE), figures_of("plain")
    kinds = ("Forest", "Stacked", "Grouped", "Curves", "Heat", "Order")
    assert all(any(name.startswith(kind) for name in hostile) for kind in kinds)

    def elements(root: ElementTree.Element) -> list[str]:
        return [element.tag for element in root.iter() if element.tag != "title"]

    for name, figure in hostile.items():
        assert elements(figure) == elements(plain[name]), name
        assert not [key for element in figure.iter() for key in element.attrib if key.startswith("on")]
        assert max(len(text.text or "") for text in figure.iter("text")) <= 110


def test_ratios_beyond_all_bounds_keep_a_readable_axis() -> None:
    """A thousand times as much, or a thousandth: a dozen labels at the most."""
    assert len(ratios([0.001, 1000.0]).ticks) <= 14
    assert ratios([1.0]).at(1.0) == pytest.approx(0.5, abs=0.2)


def elements_of(chart: Chart, looks: str) -> list[ElementTree.Element]:
    """The elements of a drawing with this class among theirs."""
    return [
        element for element in ElementTree.fromstring(chart.svg()).iter() if looks in element.get("class", "").split()
    ]


@pytest.mark.parametrize("chart", [CURVES, HEAT], ids=["curves", "heat map"])
def test_phases_have_names_and_a_border_each_but_where_the_axis_begins(chart: Chart) -> None:
    """What is too narrow for its name keeps it for a zoom; only what is not measured is shaded, and no heat map is."""
    names, borders, shades = (elements_of(chart, looks) for looks in ("phase-name", "guide", "phase"))

    assert [(name.text, "off" in name.get("class", "")) for name in names] == [("warm-up", True), ("measure", False)]
    assert len(borders) == 1
    assert 0 < float(borders[0].get("x1", "")) < 10
    if isinstance(chart, Curves):
        assert [float(shade.get("width", "")) for shade in shades] == [float(borders[0].get("x1", ""))]
        assert "not measured" in chart.svg()
    else:
        assert shades == []


def test_the_names_of_phases_stand_above_the_plot_and_below_its_heading() -> None:
    """Neither covers the other, nor the drawing."""
    heading, *_ = elements_of(CURVES, "heading")
    name = elements_of(CURVES, "phase-name")[0]

    assert float(heading.get("y", "")) < float(name.get("y", "")) - 10 < 0


def test_a_faint_mark_stands_below_the_others() -> None:
    """Blocks stay behind their median."""
    marks = tuple((0, Mark(kind=0, value=2, text=text, faint=text == "block")) for text in ("median", "block"))
    svg = Grouped(title="", axis="", groups=(Group(arm=0, name="", bars=((1.0, ""),), marks=marks),), kinds=()).svg()

    assert re.search('<g class="faint"><circle [^>]*><title>block</title></circle></g><circle [^>]*><title>median', svg)

"""The pages of `lab serve`: runs in a folder, and a metric over them. They look like the report and need no script."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment
from markupsafe import Markup

from lab.report.charts.glance import icon
from lab.report.charts.svg import figure_css
from lab.report.files import PAGE, POINTS
from lab.report.renderers.html_page import asset, environment, hashed
from lab.report.sections.overview import Entry, Validity, row_of, scenarios_of
from lab.report.sections.trend import trend_of
from lab.units import count_of

REPORT = "/run/"  # in front of the name of a run; what is behind it lies as in the run folder, so that links hold
TREND = "/trend"
ANY = ("", "any")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which runs a reader wants to see; empty ones ask for all."""

    text: str = ""
    scenario: str = ""
    validity: str = ""

    @property
    def narrows(self) -> bool:
        """Tell whether anything is asked for."""
        return bool(self.text.strip() or self.scenario or self.validity)


def render_runs(folder: str, entries: Sequence[Entry], asked: Asked) -> str:
    """The list of runs, in the order given."""
    words = asked.text.lower().split()
    rows = [row_of(entry) for entry in entries]
    shown = [
        row
        for row in rows
        if asked.scenario in ("", row.scenario) and asked.validity in ("", row.validity) and row.holds(words)
    ]
    counted = count_of(len(rows), "run")
    return _render(
        "runs",
        folder,
        title=f"{len(shown)} of {counted}" if asked.narrows else counted,
        asked=asked,
        rows=shown,
        scenarios=[ANY, *_twice(scenarios_of(entries))],
        validities=[ANY, *_twice(validity.value for validity in Validity)],
    )


def render_trend(folder: str, entries: Sequence[Entry], scenario: str, metric: str) -> str:
    """A metric over the runs of a scenario; by default the newest one's, and what it judged first."""
    names = scenarios_of(entries)
    chosen = scenario or next((entry.info.scenario_name for entry in entries if entry.info), "")
    content = trend_of(entries, chosen, metric)
    return _render(
        "trend",
        folder,
        title=f"Trend of {chosen}: {content.metric.title}" if content else "Trend",
        scenario=chosen,
        scenarios=_twice(names),
        metrics=[(each.key, f"{each.title} ({each.key})") for each in content.metrics] if content else [],
        content=content,
    )


def render_message(title: str, sentence: str) -> str:
    """A page that says one thing."""
    return _render("message", "", title=title, sentence=sentence)


def served_policy() -> str:
    """The Content-Security-Policy of these pages: nothing but their own style, and forms that ask this server."""
    return (
        f"default-src 'none'; style-src {hashed(_style())}; img-src data:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


def _twice(names: Iterable[str]) -> list[tuple[str, str]]:
    """Options of a choice whose value is its text."""
    return [(name, name) for name in names]


def _render(place: str, folder: str, **values: Any) -> str:
    style = Markup(_style())  # noqa: S704  our own files
    template = _environment().get_template(f"served_{place}.html.jinja")
    return template.render(place=place, folder=folder, icon=icon("open"), style=style, **values)


def report_address(name: str, point: str = "") -> str:
    """Where the report of a run is, or of a point of it."""
    return REPORT + "/".join((_quoted(name), *((POINTS, _quoted(point)) if point else ()), PAGE))


def _quoted(name: str) -> str:
    return quote(os.fsencode(name), safe="")


def _style() -> str:
    return figure_css() + asset("page.css") + asset("served.css")


def _environment() -> Environment:
    served = environment().overlay()
    served.filters = {
        **environment().filters,
        "address": report_address,
        "trend": lambda scenario: f"{TREND}?{urlencode({'scenario': scenario})}",
    }
    return served

"""report.html: one file, no network, a strict Content-Security-Policy; without scripts only the interaction is missing.

Figures are drawn into the page as SVG. The policy names the page's own script and style by hash, so that nothing that
came from outside can run even if it were to slip through the template's escaping.
"""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from lab.report.charts.glance import icon
from lab.report.charts.svg import arm_colour, figure_css
from lab.report.content import Content, Figure, Listing, Table
from lab.report.renderers.html_cells import aligned, drawn_columns

TEMPLATE = "page.html.jinja"
KINDS = {Figure: "figure", Table: "table", Listing: "listing"}
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:[µm]?s|min|[KMG]?i?B)(?!\w))")  # "12 ms", "34.1 MiB"


def render_html(content: Content) -> str:
    """The page, as text."""
    program, style = _asset("page.js"), figure_css() + _asset("page.css")
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            content=content,
            policy=_policy(program, style),
            icon=icon(content.lead.outcome),
            program=Markup(program),  # noqa: S704  our own file
            style=Markup(style),  # noqa: S704  our own files
        )
    )


def keep_together(text: str) -> str:
    """Numbers stay on one line with their units."""
    return _BEFORE_UNIT.sub("\u00a0", text)


def _draw(figure: Figure) -> Markup:
    return Markup(figure.svg)  # noqa: S704  charts/svg.py escapes whatever comes from outside


def _policy(script: str, style: str) -> str:
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _asset(name: str) -> str:
    return files("lab.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lab.report", "."),
        autoescape=select_autoescape(("jinja",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "kind": lambda part: KINDS[type(part)],
        "draw": _draw,
        "keep": keep_together,
        "colour": arm_colour,
        "aligned": aligned,
        "drawn_columns": drawn_columns,
    }
    return environment

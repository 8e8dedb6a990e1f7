"""report.html: one file, no network, a strict Content-Security-Policy; without scripts the tables remain.

The policy names the page's own two scripts and its style by hash, so that nothing that came from outside can run even
if it were to slip through the template's escaping. Vega evaluates its expressions with an interpreter (``ast``)
instead of compiling them, which the policy would forbid.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from lab.report.content import Content, Figure, Listing, Table
from lab.report.markdown import all_figures

TEMPLATE = "page.html.jinja"
KINDS = {Figure: "figure", Table: "table", Listing: "listing"}


def render_html(content: Content) -> str:
    """The page, as text."""
    library, program, style = _library(), _asset("page.js"), _asset("page.css")
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            content=content,
            policy=_policy((library, program), (style,)),
            library=Markup(library),  # noqa: S704  vl-convert's bundle, checked in _library
            program=Markup(program),  # noqa: S704  our own file
            style=Markup(style),  # noqa: S704  our own file
            charts=Markup(_embedded(content)),  # noqa: S704  JSON without the characters that end a script
        )
    )


def _embedded(content: Content) -> str:
    charts = {figure.key: figure.spec for figure in all_figures(content)}
    text = json.dumps(charts, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _policy(scripts: tuple[str, ...], styles: tuple[str, ...]) -> str:
    return (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {' '.join(map(_hash, styles))}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that can stand inside a page."""
    bundle = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")).replace("\r\n", "\n")
    if "</script" in bundle.lower():
        raise AssertionError("the chart library would end its own script element")
    return bundle


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
    environment.filters["kind"] = lambda part: KINDS[type(part)]
    return environment

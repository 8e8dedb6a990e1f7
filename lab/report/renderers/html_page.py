"""report.html: one file, no network, a strict Content-Security-Policy; without scripts only the interaction is missing.

Figures are drawn into the page as SVG. The policy names the page's own script and style by hash, so that nothing that
came from outside can run even if it were to slip through the template's escaping.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from html import unescape
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from lab.report.charts.glance import icon
from lab.report.charts.svg import arm_colour, figure_css
from lab.report.content import Content, Figure, Listing, Table
from lab.report.first_screen import Answer
from lab.report.renderers.html_cells import aligned, drawn_columns, stands_as_cards
from lab.report.renderers.html_words import GLOSSARY, Told, anchor_of, keep_together
from lab.units import count_of

TEMPLATE = "page.html.jinja"
KINDS = {Figure: "figure", Table: "table", Listing: "listing"}
POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; img-src data:; base-uri 'none'; form-action 'none'"
)
ROOMY = 400  # characters of verdicts with their remarks that leave room for the rest of the first screen
HEAD_BYTES = 4096  # of a page, in which its policy stands
_STATED = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_HASH = r"'sha256-[A-Za-z0-9+/]{43}='"
_LABS_OWN = re.compile(re.escape(POLICY).replace(r"\{script\}", _HASH).replace(r"\{style\}", _HASH))


def render_html(content: Content) -> str:
    """The page, as text."""
    program, style = asset("page.js") + asset("copy.js"), figure_css() + asset("page.css")
    return (
        environment()
        .get_template(TEMPLATE)
        .render(
            content=content,
            told=Told(content),
            policy=_policy(program, style),
            icon=icon(content.lead.icon),
            program=Markup(program),  # noqa: S704  our own file
            style=Markup(style),  # noqa: S704  our own files
        )
    )


def _folds(answers: Sequence[Answer]) -> bool:
    """Whether remarks on the verdicts open on demand: together they are longer than what a screen has room for."""
    return sum(len(answer.sentence) + len(answer.besides) for answer in answers) > ROOMY


def _draw(figure: Figure) -> Markup:
    return Markup(figure.svg)  # noqa: S704  charts/svg.py escapes whatever comes from outside


def _policy(script: str, style: str) -> str:
    return POLICY.format(script=hashed(script), style=hashed(style))


def policy_in(page: bytes) -> str:
    """The Content-Security-Policy that a stored page states; "" where it is none that the lab writes."""
    head = page[:HEAD_BYTES].decode(errors="replace")
    stated = _STATED.search(head)
    policy = unescape(stated[1]) if stated else ""
    return policy if _LABS_OWN.fullmatch(policy) else ""


def hashed(text: str) -> str:
    """A script or style as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def asset(name: str) -> str:
    """A file of the lab's own that becomes a part of a page."""
    return files("lab.report").joinpath(name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """The templates of pages, in which every text from outside is escaped."""
    made = Environment(
        loader=PackageLoader("lab.report", "."),
        autoescape=select_autoescape(("jinja",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["GLOSSARY"] = GLOSSARY
    made.filters |= {
        "kind": lambda part: KINDS[type(part)],
        "draw": _draw,
        "keep": keep_together,
        "anchor": anchor_of,
        "counted": count_of,
        "colour": arm_colour,
        "aligned": aligned,
        "drawn_columns": drawn_columns,
        "as_cards": stands_as_cards,
        "folds": _folds,
    }
    return made

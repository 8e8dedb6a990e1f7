"""The pages that a browser looks at are all there are: each section of a report stands on one of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import lab.report
from lab.report.renderers.html_page import render_html
from tests.pages import PAGES

SOURCES = Path(lab.report.__file__).parent
MAKERS = {"section", "Section"}


def keys_in(source: Path) -> Iterator[str]:
    """The keys of the sections that a module makes; those of points are made of names, and all are alike."""
    for call in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in MAKERS:
            named = [each.value for each in call.keywords if each.arg == "key"]
            values = [each.value for each in (*named, *call.args[:1]) if isinstance(each, ast.Constant)]
            yield from (value for value in values if isinstance(value, str))


def test_every_section_is_on_a_page_that_is_looked_at() -> None:
    """A new kind of report needs a page in tests/pages.py, or nobody sees how it is laid out."""
    contents = {name: made() for name, made in PAGES.items()}
    shown = {section.key for content in contents.values() for section in content.sections}
    made = {key for source in SOURCES.rglob("*.py") for key in keys_in(source)}

    assert len(made) > 10
    assert made <= shown
    assert all(render_html(content).count("<main") == 1 for content in contents.values())

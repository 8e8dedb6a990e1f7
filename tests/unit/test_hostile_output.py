"""Texts from outside may hold anything: in nginx.conf, in a page and on a terminal they are nothing but text."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.analysis.comparison import compare_run
from lab.analysis.summary import summarise
from lab.cli.console import put, put_json, say, say_error
from lab.cli.listing import list_runs
from lab.cli.plan import plan
from lab.errors import UsageError
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.fronts.front import FrontPlace
from lab.plan.fronts.nginx import Nginx, configuration
from lab.plan.topology import Endpoint
from lab.record.folder import RunFolder
from lab.report.build import build_content
from lab.report.content import Content
from lab.report.renderers.html_page import render_html
from lab.report.renderers.terminal import render_terminal
from lab.run.conclude import conclude
from lab.scenario.budget import Limits
from tests.builders import REPLICAS, WORKERS_NGINX, make_scenario
from tests.hostile.reports import run_full_of
from tests.hostile.texts import NASTY
from tests.run_folders import store
from tests.unit.test_report_html import Page
from tests.unit.test_scenario_file import GOOD, write

EVERYTHING = "".join(NASTY)
ONCE = ("script", "img", "style", "link", "iframe", "meta", "form", "object", "a")
MEGABYTE = "x<'\"\x1b" * 200_000
few = settings(max_examples=25, derandomize=True, suppress_health_check=list(HealthCheck))


def content_of(text: str) -> Content:
    info, trials = run_full_of(text)
    summary = summarise(info, trials)
    return build_content(info, summary, compare_run(summary))


def harmless(text: str) -> bool:
    """Printed as it is, it commands no terminal."""
    return all(character == "\n" or not unicodedata.category(character).startswith("C") for character in text)


@few
@given(st.one_of(st.sampled_from(NASTY), st.text(max_size=60)), st.sampled_from(["tuned", "stock"]))
def test_no_text_of_a_scenario_reaches_nginx_conf(text: str, profile: str) -> None:
    """The file is the same whatever the scenario's free texts are: it is made of numbers and words of closed lists."""
    text = text.replace("\0", "").encode(errors="replace").decode() or "?"
    arms: list[Mapping[str, Any]] = [REPLICAS | {"profile": profile, "env": {"A": text}}, WORKERS_NGINX]
    app = {"image": text, "env": {"B_TOKEN": text, "C": text}}
    scenario = make_scenario(arms, question=text, app=app, images={"nginx": text, "python": text})
    trial = next(trial for trial in build_plan(scenario).trials if trial.arm.name == "replicas")

    services = build_topology(scenario, trial, nominal_ports(scenario, trial.arm)).services
    (conf,) = [file.text for service in services for file in service.files]

    upstreams = tuple(Endpoint(port=port) for port in range(20000, 20004))
    place = FrontPlace(app=upstreams, ports=(20004,), limits=Limits())
    assert conf == configuration(Nginx(profile="stock" if profile == "stock" else "tuned"), place)


def test_a_page_full_of_hostile_text_has_the_tags_of_a_plain_one() -> None:
    """No element, attribute or script comes from outside, and the policy is the same."""
    page, plain = Page(render_html(content_of(EVERYTHING))), Page(render_html(content_of("plain")))

    assert set(page.tags) <= set(plain.tags)
    assert [page.tags[tag] for tag in ONCE] == [plain.tags[tag] for tag in ONCE]
    assert {name for _, name, _ in page.attributes} <= {name for _, name, _ in plain.attributes}
    assert [body for _, body in page.scripts] == [body for _, body in plain.scripts]
    assert policy(page) == policy(plain)
    assert sum("alert(1)" in text for text in page.texts) > 10
    assert "62615533" not in "".join(page.texts), "no template runs what comes from outside"


def policy(page: Page) -> list[str]:
    return [value for tag, _, value in page.attributes if tag == "meta" and "default-src" in value]


def test_a_megabyte_in_every_text_stays_bounded(tmp_path: Path) -> None:
    """A run folder keeps a beginning of each, and its report is not larger for it than a page should be."""
    info, trials = run_full_of(MEGABYTE)
    path = store(replace(info, images={}, scenario_name="shop"), trials, tmp_path)
    conclude(path)

    assert sum(file.stat().st_size for file in path.rglob("*.json")) < 2_000_000
    assert (path / "report.html").stat().st_size < 3_000_000


@pytest.mark.parametrize("text", NASTY)
def test_terminals_get_text_and_newlines_only(text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Whatever is printed, to whichever stream, by whichever command."""
    put(text + "\ttab")
    say(text)
    say_error(UsageError(text, text))
    put_json({"a": text, text: [text]})
    words = text.encode(errors="replace").decode() or "?"
    path = write(tmp_path, GOOD.replace('"Which?"', json.dumps(words, ensure_ascii=False).replace("\x7f", "")))
    plan(path, everything=True)
    plan(path, json=True)

    assert_harmless(capsys)


def test_reports_and_lists_on_a_terminal_are_text_and_newlines_only(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A run folder can come from anywhere."""
    put(render_terminal(content_of(EVERYTHING)))
    RunFolder.create(tmp_path / "runs", run_full_of(EVERYTHING)[0])
    list_runs(tmp_path / "runs")
    list_runs(tmp_path / "runs", json=True)

    assert_harmless(capsys)


def assert_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    printed = capsys.readouterr()
    assert harmless(printed.out)
    assert harmless(printed.err)


def test_json_on_a_terminal_is_still_the_same_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters become escapes, which say the same to a program."""
    document = {"texts": list(NASTY), "ü": "ü\x7f\x9b\u202e"}
    put_json(document)

    assert json.loads(capsys.readouterr().out) == document


@pytest.mark.parametrize("print_it", [put, say])
def test_tabs_become_spaces(print_it: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    """A tab is a control character too."""
    print_it("a\tb")
    printed = capsys.readouterr()

    assert printed.out + printed.err == "a    b\n"

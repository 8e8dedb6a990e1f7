"""`--metrics-port`: live figures for Prometheus, read by the library's own parser from a real socket."""

from __future__ import annotations

import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from typer.testing import CliRunner

from lab.cli import app
from lab.cli.live.openmetrics import PREFIX, families, serving
from lab.cli.live.screen import Moment
from lab.cli.live.watch import Watch
from lab.cli.metrics_port import metrics_at
from lab.errors import MissingError
from lab.live.figures import LiveFigures, MachineFigures, ProcessFigures, RequestFigures
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import build_plan
from lab.plan.kinds import Role
from lab.run.run import run_scenario
from lab.run.steps import Step
from lab.run.view import QuietView, together
from tests.fake_surroundings import FakeSurroundings, shop
from tests.fakes import World

Sample = tuple[str, tuple[tuple[str, str], ...]]
OPEN_METRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
EVIL = 'a "b"\n\\ {c}'
ARM = "workers"
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "prometheus.md"


class Said(QuietView):
    """Remembers its steps."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)

    @property
    def url(self) -> str:
        return self.steps[0].removeprefix("live figures: ")


def scraped(url: str) -> dict[Sample, float]:
    """Every sample of the page, as OpenMetrics."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=OPEN_METRICS), timeout=60) as answer:
        text = answer.read().decode()
    assert text.endswith("# EOF\n")
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        (sample.name.removeprefix(f"{PREFIX}_"), tuple(sorted(sample.labels.items()))): sample.value for sample in found
    }


@pytest.fixture
def moment(tmp_path: Path) -> Moment:
    """A trial that is measured, with a process of which the memory is not known yet."""
    plan = build_plan(shop(tmp_path))

    def process(role: Role, pss_bytes: int | None) -> ProcessFigures:
        return ProcessFigures(pid=1, role=role, service="app", cpu=0.25, pss_bytes=pss_bytes, share=None)

    counted = {"sent": 40, "failed": 2, "dropped": 0}
    times = {"warmup_start_s": 1.0, "measure_start_s": 2.0, "measure_end_s": None}
    return Moment(
        plan=plan,
        trial=plan.trials[0],
        estimates=(),
        name=EVIL,
        step=Step.MEASURE,
        progress=LoadProgress(phase="measure", finished=False, **times, **counted),  # type: ignore[arg-type]
        figures=LiveFigures(
            processes=(process(Role.WORKER, 3), process(Role.WORKER, 4), process(Role.PROXY, None)),
            load_cpu=0.5,
            requests=RequestFigures(per_second=99.0, p50_s=0.002, p99_s=0.009, lag_p99_s=0.0001),
        ),
        machine=MachineFigures(steal=0.1),
        caveats=frozenset({"machine.steal"}),
        lengths_s=(3.0, 3.0),
        invalid=1,
    )


@pytest.fixture
def page(moment: Moment) -> Iterator[dict[Sample, float]]:
    """What a scrape of that moment gives."""
    view = Said()
    with serving(0) as show, pytest.MonkeyPatch.context() as patch:
        show(moment.plan, view)
        patch.setattr(Watch, "now", lambda _self: moment)
        yield scraped(view.url)


def test_figures_of_the_moment(page: dict[Sample, float]) -> None:
    """Counts, quantiles, sums by role, gates; labels hold whatever a name holds; what is not known is not there."""
    trial = (("arm", ARM), ("trial", f"b01-{ARM}"))
    roles = {dict(labels)["role"]: value for (name, labels), value in page.items() if name == "memory_pss_bytes"}

    assert page["arrivals_total", trial] == 40
    assert page["failures_total", trial] == 2
    assert page["arrivals_per_second", ()] == 99.0
    assert page["response_time_seconds", (("quantile", "0.99"),)] == 0.009
    assert page["lag_seconds", (("quantile", "0.99"),)] == 0.0001
    assert page["cpu_cores", (("arm", ARM), ("role", "worker"))] == 0.5
    assert roles == {"worker": 7.0}, "half a sum would look like a fall"
    assert page["gate_value", (("gate", "machine.steal"),)] == 0.1
    assert page["trials_invalid_total", ()] == 1
    assert page["gate_caveat", (("gate", "machine.steal"),)] == 1
    (trial_info,) = [dict(labels) for name, labels in page if name == "trial_info"]
    assert trial_info == {"trial": f"b01-{ARM}", "arm": ARM, "block": "1", "phase": "measure"}
    (run_info,) = [dict(labels) for name, labels in page if name == "run_info"]
    assert run_info["scenario"] == EVIL


def test_the_table_of_the_documentation_has_every_metric_with_its_labels(page: dict[Sample, float]) -> None:
    """No more and no fewer; ``point`` is there where a run has several."""
    rows = re.findall(r"^\| (`\w+`.*?) \| (.*?) ?\| ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    names = ((name, labels) for row, labels in rows for name in re.findall(r"\w+", row))
    told = {name: {*re.findall(r"`(\w+)`", labels)} - {"point"} for name, labels in names}
    shown = {name: {key for key, _ in labels} for name, labels in page}

    assert told == shown


@pytest.mark.parametrize(("step", "phase"), [(Step.DEPLOY, "deploy"), ("waiting: stress uses 80%", "waiting")])
def test_a_phase_is_one_of_a_few_words(moment: Moment, step: str, phase: str) -> None:
    """Whatever the view says of who disturbs the machine."""
    _, trial, *_ = families(replace(moment, step=step, progress=None), "run")
    (sample,) = trial.samples

    assert sample.labels["phase"] == phase


def test_a_page_during_a_run(tmp_path: Path) -> None:
    """Every trial of it can be seen, the view hears all that it did without, and after the run nobody listens."""
    plan, world, view = build_plan(shop(tmp_path)), World(), Said()
    seen: list[dict[Sample, float]] = []
    with serving(0) as show:
        both = show(plan, view)
        world.while_asleep = lambda: seen.append(scraped(view.url))
        folder = run_scenario(plan, "shop", tmp_path / "runs", both, around=FakeSurroundings(world=world).make())
    infos = [dict(labels) for samples in seen for name, labels in samples if name in ("trial_info", "run_info")]

    assert {info["trial"] for info in infos if "trial" in info} == {trial.id for trial in plan.trials}
    assert {info["run"] for info in infos if "run" in info} == {folder.info.run_id}
    assert len(view.steps) > 1
    with pytest.raises(urllib.error.URLError):
        scraped(view.url)
    assert not [thread for thread in threading.enumerate() if "serve_forever" in thread.name]


@pytest.mark.parametrize("verb", ["run", "ui"])
def test_a_port_that_is_taken_is_said_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """With exit code 4, and without a run."""
    monkeypatch.chdir(tmp_path)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        outcome = CliRunner().invoke(app, [verb, "smoke", "--metrics-port", str(port)])

    assert isinstance(outcome.exception, MissingError)
    assert str(outcome.exception).startswith(f"--metrics-port {port}: ")
    assert outcome.exception.exit_code == 4
    assert list(tmp_path.iterdir()) == []


def test_only_this_machine_can_ask(tmp_path: Path) -> None:
    """It listens on loopback, on no other address."""
    view = Said()
    with serving(0) as show:
        show(build_plan(shop(tmp_path)), view)
        port = int(view.url.rsplit(":", 1)[1].partition("/")[0])
        listening = {each.laddr.ip for each in psutil.Process().net_connections("tcp") if each.laddr.port == port}

    assert listening == {"127.0.0.1"}


def test_nobody_asks_and_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a trial are looked at for a page, not for the run."""
    looked: list[float] = []
    monkeypatch.setattr(Watch, "now", lambda _self: looked.append(1.0))
    plan = build_plan(shop(tmp_path))
    with serving(0) as show:
        run_scenario(plan, "shop", tmp_path / "runs", show(plan, Said()), around=FakeSurroundings().make())

    assert not looked


def test_without_the_option_the_view_is_the_view() -> None:
    """And nothing listens."""
    view = QuietView()
    with metrics_at(None) as show:
        assert show(None, view) is view  # type: ignore[arg-type]


def test_views_together_hear_the_same() -> None:
    """Everything that a view can be told, also what comes to be told later on."""
    views = Said(), Said()
    together(*views).step("one")

    assert [view.steps for view in views] == [["one"], ["one"]]
    told = [name for name in vars(QuietView) if not name.startswith("_")]
    assert all(name in vars(type(together())) for name in told)


def test_every_family_has_a_meaning(moment: Moment) -> None:
    """And a name with its unit, as Prometheus asks for."""
    for family in families(moment, "run"):
        assert family.documentation.endswith(".")
        assert family.name.startswith(f"{PREFIX}_")

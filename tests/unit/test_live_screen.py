"""The live view at one moment, at 80 and at 200 columns, and on terminals that are too small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style

from lab.analysis.comparison import compare_run
from lab.analysis.summary import summarise_done
from lab.cli.live.estimates import Estimate, estimates, nothing_yet
from lab.cli.live.remarks import remarks
from lab.cli.live.screen import Moment, how, screen, short
from lab.cli.live.tables import BAD, WARN, bar, cut, progress_bar
from lab.live.figures import LiveFigures, MachineFigures, ProcessFigures, RequestFigures
from lab.load.locust_process import LoadProgress
from lab.plan.blocks import build_plan
from lab.plan.kinds import Role
from lab.run.steps import Step
from lab.scenario.model import Scenario
from tests.builders import WORKERS, make_run, make_scenario, make_summaries
from tests.judged_runs import Values, scenario, summary

MIB = 1024**2
ESTIMATES = (
    Estimate(metric="memory.pss.total", arm="replicas", blocks=2, ratio="0.930", interval="needs 4 more blocks"),
    Estimate(metric="p50", arm="replicas", blocks=6, ratio="1.052", interval="1.011 – 1.090"),
)
PROGRESS = LoadProgress(
    phase="measure",
    finished=False,
    warmup_start_s=90.0,
    measure_start_s=100.0,
    measure_end_s=110.0,
    sent=3000,
    failed=0,
    dropped=0,
)


def process(pid: int, role: Role, cpu: float = 0.14, share: float | None = None) -> ProcessFigures:
    return ProcessFigures(pid=pid, role=role, service="app", cpu=cpu, pss_bytes=35 * MIB, share=share)


def workers(count: int) -> tuple[ProcessFigures, ...]:
    return tuple(process(4200 + number, Role.WORKER, share=1 / count) for number in range(count))


def figures(*processes: ProcessFigures, load_cpu: float = 0.31) -> LiveFigures:
    requests = RequestFigures(per_second=299.6, p50_s=0.0021, p99_s=0.0068)
    return LiveFigures(processes=processes, load_cpu=load_cpu, requests=requests)


def moment(**changes: Any) -> Moment:
    plan = build_plan(make_scenario(trials={"blocks": 6, "seed": 7}))
    known = Moment(
        name="quickstart",
        plan=plan,
        trial=next(trial for trial in plan.trials if trial.block == 3 and trial.arm.name == "replicas"),
        number=9,
        total=18,
        begun_s=95.2,
        now_s=107.2,
        step=Step.MEASURE,
        step_since_s=100.0,
        progress=PROGRESS,
        figures=figures(process(4121, Role.PROXY, cpu=0.09), *workers(4)),
        estimates=ESTIMATES,
        lengths_s=(17.3,) * 8,
        caveats=frozenset({"machine.steal"}),
    )
    return replace(known, **changes)


def console(width: int, height: int) -> Console:
    return Console(width=width, height=height, file=StringIO(), color_system="standard", force_terminal=True)


def drawn(shown: Moment, width: int, height: int = 24) -> list[str]:
    """The lines as text; none is wider than the terminal, and together they leave a line for the prompt."""
    lines = console(width, height).render_lines(screen(shown, width, height), pad=False)
    texts = ["".join(piece.text for piece in line) for line in lines]
    assert len(texts) < height
    assert max(map(cell_len, texts)) <= width, texts
    return texts


def styles(shown: Moment, width: int) -> dict[str, str]:
    """How each piece of text looks."""
    pieces = console(width, 24).render(screen(shown, width, 24))
    return {piece.text.strip(): str(piece.style) for piece in pieces}


@pytest.mark.parametrize("width", [80, 200])
def test_everything_that_a_person_asks_for_is_there(width: int) -> None:
    """Plan, trial, phase with time, load so far, processes with bars, estimates, gates: at 80 and at 200 columns."""
    lines = drawn(moment(), width)
    whole = "\n".join(lines)
    plan = "3 arms × 6 blocks" if width > 80 else "3 arms"
    assert lines[0].startswith(f" quickstart · {plan} · block 3/6 · 2 min 41 s left")
    assert lines[0].endswith("gates ok · 1 caveat")
    assert "replicas (nginx → 4 × uvicorn)" in lines[1]
    assert "measure ━━━" in lines[1]
    assert "7.2 / 10 s" in lines[1]
    for expected in ("300/s asked", "299.6/s sent", "p50 2.1 ms", "p99 6.8 ms", "0 failed", "Locust 31%"):
        assert expected in lines[2]
    rows = [line for line in lines if line.startswith("       worker ")]
    assert len(rows) == 4
    assert all("█" in row and "14%" in row and "35.0 MiB" in row and "25%" in row for row in rows)
    assert "sum" in whole
    assert "65%" in whole, "4 × 14 + 9"
    assert "175.0 MiB" in whole
    assert "so far, against workers" in whole
    assert "0.930  needs 4 more blocks" in whole
    assert "1.052  1.011 – 1.090" in whole


@pytest.mark.parametrize(("width", "alone"), [(73, True), (80, True), (200, True), (72, False)])
def test_of_several_nodes_each_row_names_its_own(width: int, alone: bool) -> None:
    """Between pid and bars, where there is room; sums are over all nodes."""
    one, two = (replace(process(4200, Role.WORKER, share=0.5), node=name) for name in ("one", "a-long-name"))
    lines = drawn(moment(figures=figures(one, two)), width)
    rows = [line for line in lines if line.startswith("       worker ")]
    assert all("14%" in row and "35.0 MiB" in row and "50%" in row for row in rows)
    assert [" one " in rows[0], " a-long-n… " in rows[1]] == [alone, alone]
    assert any("28%" in line and "70.0 MiB" in line for line in lines if " sum " in line)
    assert "node" not in "".join(drawn(moment(figures=figures(one, one)), width)), "where there is one"


def test_one_of_a_thing_is_told_as_one() -> None:
    """One arm, block, process and connection."""
    load = {"locustfile": "x.py", "lanes": 1}
    plan = build_plan(make_scenario((WORKERS,), trials={"blocks": 1}, budget={"processes": 1}, load=load))
    lines = drawn(moment(plan=plan, trial=plan.trials[0], progress=None), 200)

    assert lines[0].startswith(" quickstart · 1 arm × 1 block · block 1/1 · ")
    assert "workers (uvicorn, 1 worker)" in lines[1]
    assert lines[2].endswith("closed model, 1 connection")


def test_a_wide_terminal_says_more() -> None:
    """Time left in the phase, of what the per cent are, and which service a process belongs to."""
    whole = "\n".join(drawn(moment(), 200))
    for expected in ("7.2 / 10 s, 2.8 s left", "Locust 31% of a core", "service"):
        assert expected in whole


@pytest.mark.parametrize("width", [10, 24, 40, 60, 79, 81, 109, 110, 300])
@pytest.mark.parametrize("height", [5, 10, 14, 24, 60])
def test_no_size_breaks_it(width: int, height: int) -> None:
    """Nothing wraps on any terminal, however small."""
    drawn(moment(), width, height)


def test_many_processes_are_summed_by_role() -> None:
    """Sixteen workers do not fit 24 lines: one line says what they use together."""
    lines = drawn(moment(figures=figures(process(4121, Role.PROXY, cpu=0.09), *workers(16))), 80)
    (row,) = [line for line in lines if line.startswith("       worker ")]
    assert "× 16" in row
    assert "224%" in row
    assert "560.0 MiB" in row
    assert any("needs 4 more blocks" in line for line in lines)


def test_estimates_give_way_with_a_number() -> None:
    """Where there is no room for all of them."""
    many = tuple(replace(ESTIMATES[0], metric=f"metric-{number}") for number in range(30))
    lines = drawn(moment(estimates=many), 80)
    assert lines[-1].strip() == f"… {30 - sum('metric-' in line for line in lines)} more"


def test_a_failed_gate_is_counted_in_red() -> None:
    """And the passes are not praised any more."""
    shown = moment(invalid=1, caveats=frozenset("ab"))
    assert drawn(shown, 80)[0].endswith("1 invalid · 2 caveats")
    assert styles(shown, 80)["1 invalid"] == str(BAD)


def test_remarks_on_the_machine_stand_behind_the_gates() -> None:
    """All where there is room, in the colour of what the gate would say; else the one that matters most."""
    shown = moment(remarks=remarks(MachineFigures(steal=0.06, foreign=0.07, sampler=0.03)))
    narrow, wide = drawn(shown, 80)[0], drawn(shown, 200)[0]

    assert narrow.endswith("1 caveat · steal 6.0% now")
    assert wide.endswith("steal 6.0% now · foreign CPU 7.0% now · sampler 3.0% so far")
    assert "block 3/6" in narrow
    found = styles(shown, 200)
    assert (found["steal 6.0% now"], found["foreign CPU 7.0% now"]) == (str(BAD), str(WARN))


@pytest.mark.parametrize(("busy", "style"), [(0.75, WARN), (0.95, BAD)])
def test_a_busy_generator_warns_before_its_gate_does(busy: float, style: Style) -> None:
    """With the limits of the gate itself."""
    assert styles(moment(figures=figures(load_cpu=busy)), 80)[f"Locust {busy * 100:.0f}%"] == str(style)


def test_dropped_and_failed_requests_stay_on_the_line() -> None:
    """What was asked for gives way: it stands in the scenario."""
    bad = replace(PROGRESS, failed=12, dropped=345)
    line = drawn(moment(progress=bad), 80)[2]
    for expected in ("12 failed", "345 dropped", "Locust 31%"):
        assert expected in line
    assert "asked" not in line


def test_between_two_loads_the_step_and_its_time_are_shown() -> None:
    """Nothing of the phase that is over."""
    lines = drawn(moment(step=Step.TEAR_DOWN, step_since_s=103.8), 80)
    assert lines[1].rstrip().endswith("tear down 3 s")


def test_a_warm_up_that_is_prolonged_shows_a_full_bar() -> None:
    """It waits for a starved process, longer than was asked for."""
    line = drawn(moment(progress=replace(PROGRESS, phase="warmup"), now_s=99.0), 80)[1]
    assert "9.0 / 5 s" in line
    assert "─" not in line
    assert "━" in line


def test_unknown_figures_are_dashes_not_zeros() -> None:
    """A first reading has no CPU; a sum with an unknown part is unknown."""
    fresh = ProcessFigures(pid=1, role=Role.WORKER, service="app", cpu=None, pss_bytes=None, share=None)
    lines = drawn(moment(figures=LiveFigures(processes=(fresh, *workers(1)))), 80)
    assert lines[4].split() == ["worker", "1", "–", "–"]
    assert lines[6].split() == ["sum", "–", "–"]


@pytest.mark.parametrize("name", ["\x1b[2Jshop", "shop\nrm -rf", "a\x07\u202eb", "店" * 60, "[red]shop[/red]"])
def test_a_name_cannot_move_the_cursor(name: str) -> None:
    """Names come from files; wide characters count twice, and nothing is markup. Also those of arms and services."""
    odd = replace(ESTIMATES[0], arm=name)
    rows = tuple(replace(row, service=name) for row in workers(2))
    for width in (80, 200):
        lines = drawn(moment(name=name, estimates=(odd,), figures=figures(*rows)), width)
        assert not any(character in line for line in lines for character in "\x1b\n\x07\u202e")
        assert len(lines) == 9


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("", "nginx → 4 × uvicorn"),
        ("/opt/app/bin/gunicorn shop:api --bind {host}:{port} -w {workers}", "nginx → 4 × gunicorn"),
        ("{image}", "nginx → 4 × the image"),
    ],
)
def test_what_serves_is_named_in_short(command: str, expected: str) -> None:
    """What clients meet first, then how many of what."""
    app = {"image": "shop:1", "command": command, "env": {"P": "{port} {workers}"}}
    shop: Scenario = make_scenario(app=app)
    assert how(shop, shop.arms[2]) == expected


def test_bars_have_steps_of_an_eighth() -> None:
    """Something is never nothing, and a bar is as wide as its column."""
    assert [bar(fraction, 2) for fraction in (0.0, 0.001, 0.5, 0.6, 1.0, 7.0)] == ["  ", "▏ ", "█ ", "█▎", "██", "██"]
    assert progress_bar(0.5, 5) == ("━━╸", "──")
    assert progress_bar(-1, 2) == ("", "──")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.00083, "0.83 ms"), (0.0016, "1.6 ms"), (0.076, "76 ms"), (0.00996, "10 ms"), (0.9996, "1.0 s"), (12.3, "12 s")],
)
def test_moving_numbers_have_two_digits(seconds: float, expected: str) -> None:
    """Read at a glance."""
    assert short(seconds) == expected


def test_text_is_cut_with_an_ellipsis() -> None:
    """By cells, not by characters."""
    assert cut("memory.pss.total", 8) == "memory.…"
    assert cell_len(cut("店店店店", 5)) == 5


def judged(ratios: Sequence[float]) -> Estimate:
    memory = "memory.pss.total"
    contender = [1e8 * ratio for ratio in ratios]
    values: Values = {(memory, "workers"): [1e8] * len(ratios), (memory, "replicas"): contender}
    (found,) = estimates(compare_run(summary(scenario(8), values, blocks=len(ratios))))
    return found


def test_estimates_say_how_many_blocks_an_interval_needs() -> None:
    """A ratio at once, an interval when the method allows one; never a verdict before the end."""
    few, one_less, enough = judged([0.93, 0.94]), judged([0.93] * 5), judged([0.93, 0.94, 0.92, 0.93, 0.95, 0.91])
    assert (few.blocks, few.ratio, few.interval) == (2, "0.935", "needs 4 more blocks")
    assert one_less.interval == "needs 1 more block"
    assert enough.interval.startswith("0.9")
    assert " – " in enough.interval
    assert "better" not in enough.sentence("workers")


def test_before_the_first_block_every_primary_is_listed() -> None:
    """With what the method needs for so many of them."""
    rows = nothing_yet(make_scenario())
    assert [(row.metric, row.arm, row.blocks) for row in rows] == [
        ("memory.pss.total", "workers-nginx", 0),
        ("memory.pss.total", "replicas", 0),
        ("p50", "workers-nginx", 0),
        ("p50", "replicas", 0),
    ]
    assert {row.interval for row in rows} == {"numbers only"}
    longer = nothing_yet(make_scenario(trials={"blocks": 8}))
    assert {row.interval for row in longer} == {"needs 8 blocks"}


def test_estimates_of_a_real_summary_have_every_contender() -> None:
    """From the trials of a run folder to the lines of the view."""

    shop = make_scenario()
    found = estimates(compare_run(summarise_done(make_run(shop), make_summaries(shop))))
    assert {(row.metric, row.arm) for row in found} == {
        (metric, arm) for metric in ("memory.pss.total", "p50") for arm in ("workers-nginx", "replicas")
    }
    assert all(row.blocks == 2 and row.interval == "numbers only" for row in found)

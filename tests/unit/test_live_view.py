"""The view during a whole run, on a pseudo-terminal that is read as a person reads it; and where there is none."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from rich.console import Console

from lab.attest.claims import Evidence
from lab.cli.live.view import PlainView, TerminalView, view_for
from lab.errors import InterruptedRunError, InvalidRunError
from lab.host.interrupts import INTERRUPTS
from lab.plan.blocks import Plan, build_plan
from lab.record.folder import RunFolder, new_run_info
from lab.record.schema import HostRow
from lab.record.types import Environment
from lab.run.run import run_scenario
from lab.run.steps import Step
from lab.sampling.recorder import Rows, recorder
from tests.builders import make_gate, make_scenario, make_trials, with_record
from tests.fake_surroundings import FakeSurroundings, shop
from tests.fakes import World
from tests.terminal import Terminal, terminal

SIZES = [(80, 24), (200, 50)]


@contextmanager
def view_on(screen: Terminal, plan: Plan) -> Iterator[TerminalView]:
    """The live view on this terminal."""
    with os.fdopen(os.dup(screen.slave), "w") as file:
        yield TerminalView(plan, Console(file=file, force_terminal=True, highlight=False))


def run(folder: Path, screen: Terminal, *, blocks: int = 2, name: str = "shop", world: World | None = None) -> None:
    """A run of fakes: time passes at once, so that every step is drawn by hand."""
    plan = build_plan(shop(folder, blocks))
    world, slept = world or World(), count()
    with view_on(screen, plan) as view:
        world.while_asleep = lambda: None if next(slept) % 5 else view._live.refresh()
        run_scenario(plan, name, folder / "runs", view, around=FakeSurroundings(world=world).make())


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_run_as_a_person_sees_it(tmp_path: Path, columns: int, rows: int) -> None:
    """The plan, the trial with its phase, the blocks, the estimates; finished trials above; in the end only those."""
    with terminal(columns, rows) as screen:
        run(tmp_path, screen)
        screen.close()
    live = [shown for shown in screen.seen if any(line.startswith(" shop · ") for line in shown)]
    assert live, "the view was drawn"
    for shown in live:
        assert sum(line.startswith(" shop · ") for line in shown) == 1, "no remains of an earlier drawing"
    whole = {line for shown in live for line in shown}
    assert any("2 arms × 2 blocks · block 2/2" in line for line in whole)
    assert any(line.startswith(" now   replicas (nginx → 2 × uvicorn)  measure ") for line in whole)
    assert any(line.startswith(" boot") and "replicas" in line and "1.000  numbers only" in line for line in whole)

    last = [line for line in screen.screen if line]
    assert not any(line.startswith((" shop", " now", " so far")) for line in last), "the view is gone"
    assert sum(line.strip().startswith("ready after") for line in last) == 4
    assert not screen.cursor_hidden


def test_gates_warn_as_soon_as_a_trial_is_judged(tmp_path: Path) -> None:
    """A line above the view and a number in its heading, while the next trial runs."""
    with terminal(80, 24) as screen:
        with pytest.raises(InvalidRunError):
            run(tmp_path, screen, blocks=1, world=World(invalid_blocks=frozenset({1})))
        screen.close()
    both = [shown for shown in screen.seen if any("1 invalid" in line and "shop" in line for line in shown)]
    assert both
    assert any(line.startswith("  invalid: The sampler took 50.0%") for shown in both for line in shown)


def test_what_to_do_about_a_gate_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Every trial has its finding; the advice would be the same each time."""
    first, second, *_ = (
        with_record(trial, gates=(make_gate("caveat"),)).record for trial in make_trials(make_scenario())
    )
    view = PlainView()
    view.trial_finished(first)
    view.trial_finished(second)
    told = capsys.readouterr().err

    assert told.count("  caveat: The busiest load process used 31.0% of a core") == 2
    assert told.count("Lower the rate") == 1


def test_what_every_trial_would_say_again_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A defect of the image is no news of a trial."""
    defect = make_gate("caveat", key="keepalive", value=0.0441, limit=0.035)
    view = PlainView()
    for trial in make_trials(make_scenario()):
        view.trial_finished(with_record(trial, gates=(defect,)).record)

    assert capsys.readouterr().err.count("answers after 44.1 ms") == 1


def test_the_heading_warns_while_a_trial_is_measured(tmp_path: Path) -> None:
    """Before any gate has judged it, and only for as long as it is measured."""
    plan = build_plan(shop(tmp_path))
    folder = RunFolder.create(tmp_path / "runs", new_run_info("now", "shop", plan, Environment(facts={}), {}))
    sampling = folder.stage(plan.trials[0].id) / "sampling"
    sampling.mkdir()
    with terminal(80, 24) as screen, view_on(screen, plan) as view, recorder(sampling) as output:
        view.watch(folder)
        view.trial_started(plan.trials[0], 1, 4)
        view.attested(plan.trials[0], Evidence(servers={}, roles={}, listeners={}))
        view.trial_step(plan.trials[0], Step.MEASURE)
        view._live.refresh()
        for t_s in range(5):
            spent = (t_s, 0.2 * t_s, 2.0 * t_s)  # busy, stolen, all: of two cores
            host = HostRow(t_s, *spent, None, None, None, 1, None, None, None, 0.01 * t_s, 1, None, None, None)
            output.append(Rows(processes=[], cgroups=[], host=host))
        view._live.refresh()
        assert appears(screen, "steal 10.0% now")
        view.trial_step(plan.trials[0], Step.COOL_DOWN)
        view._live.refresh()
        assert appears(screen, "cool down", without="steal")
        view.close()


def appears(screen: Terminal, text: str, without: str = "\0") -> bool:
    """Whether somebody who reads the terminal comes to see it, and not ``without``: it may be seen half drawn."""
    give_up_at = time.monotonic() + 60.0
    while not (seen := text in (drawn := "\n".join(screen.screen)) and without not in drawn):
        if time.monotonic() >= give_up_at:
            break
        time.sleep(0.01)
    return seen


def test_an_interrupt_takes_the_view_away_before_it_speaks(tmp_path: Path) -> None:
    """What is said about it is not drawn over; the cursor is back, and the run ends as ever."""

    class Cut(World):
        def note(self, what: str) -> None:
            super().note(what)
            if self.journal.count("load result") == 1 and what == "poll":
                INTERRUPTS.announce()
                os.write(screen.slave, b"lab: interrupted\r\n")
                raise KeyboardInterrupt

    with terminal(80, 24) as screen:
        with pytest.raises(InterruptedRunError):
            run(tmp_path, screen, world=Cut())
        screen.close()
    last = [line for line in screen.screen if line]
    assert last[-1] == "lab: interrupted"
    assert not any(line.startswith((" shop", " now")) for line in last)
    assert not screen.cursor_hidden
    assert b"?25l" in screen.raw, "it had been hidden"


def test_nothing_from_outside_moves_the_cursor(tmp_path: Path) -> None:
    """A scenario's file name may hold anything."""
    with terminal(80, 24) as screen:
        run(tmp_path, screen, name="a\x1b[2Jb\x1b]0;title\x07")
        screen.close()
    assert b"\x1b[2J" not in screen.raw
    assert b"\x1b]0" not in screen.raw
    assert any("a�[2Jb" in line for shown in screen.seen for line in shown)


def test_secrets_do_not_reach_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept secret everywhere else is masked in the heading too."""

    monkeypatch.setattr("lab.cli.console.KEPT", [lambda text: text.replace("hunter2", "***")])
    with terminal(80, 24) as screen:
        run(tmp_path, screen, name="hunter2")
        screen.close()
    assert b"hunter2" not in screen.raw


def test_no_colour_where_none_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR leaves bold and faint, but no colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    with terminal(80, 24) as screen:
        run(tmp_path, screen)
        screen.close()
    assert not any(f"\x1b[{code}m".encode() in screen.raw for code in (31, 32, 33, 34, 35, 36))


def test_the_view_that_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live on a terminal, lines on one that cannot move its cursor, nothing when asked for quiet."""
    plan = build_plan(shop(tmp_path))
    with terminal(80, 24) as screen, os.fdopen(os.dup(screen.slave), "w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        monkeypatch.setenv("TERM", "xterm")
        assert type(view_for(plan)) is TerminalView
        monkeypatch.setenv("TERM", "dumb")
        assert type(view_for(plan)) is PlainView


def test_lines_where_there_is_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log has one line a trial, what its gates found, and the estimates after each block; no escape, no bar."""
    plan = build_plan(shop(tmp_path, 2))
    view = view_for(plan)
    assert type(view) is PlainView
    run_scenario(plan, "shop", tmp_path / "runs", view, around=FakeSurroundings().make())

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "\x1b" not in printed.err
    lines = printed.err.splitlines()
    assert sum(line.startswith("trial ") for line in lines) == 4
    told = [line.partition(":")[2] for line in lines if "so far" in line]
    assert ["1.000, numbers only" in line for line in told] == [True, True]

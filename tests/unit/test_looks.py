"""A run with declared looks ends at the first at which every verdict is reached, and nowhere else (METHOD 6.2)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from typer.testing import CliRunner

from lab.analysis.judge.verdict import Verdict
from lab.cli import app
from lab.errors import UsageError
from lab.plan.blocks import build_plan
from lab.record.folder import read_info
from lab.record.types import TrialState
from lab.report.sections.answer import status
from lab.run.conclude import conclude
from lab.run.run import planned, resume_run, run_scenario
from lab.run.view import QuietView
from lab.scenario.model import Scenario
from lab.scenario.toml_text import scenario_text
from lab.scenario.trials import Trials
from tests.fake_surroundings import FakeSurroundings, shop
from tests.fakes import World


def looking(folder: Path, *looks: int, primary: str = "boot") -> Scenario:
    """The time until ready is the same in every trial of the fakes; p50 has no value."""
    made = shop(folder)
    compare = replace(made.compare, primary=(primary,))
    return replace(made, trials=Trials(seed=1, looks=looks), compare=compare)


def ran(folder: Path, scenario: Scenario, world: World | None = None) -> Path:
    around = FakeSurroundings(world=world or World()).make()
    return run_scenario(build_plan(scenario), "shop", folder / "runs", QuietView(), around=around).path


def test_a_run_ends_at_the_first_look_with_every_verdict(tmp_path: Path) -> None:
    """Seven blocks of at most twelve; nothing of the others is left as if it were missing."""
    path = ran(tmp_path, looking(tmp_path, 7, 9, 12))
    info, found = read_info(path), conclude(path)

    assert len(info.order) == 14
    assert set(info.states.values()) == {TrialState.DONE}
    assert info.cut == ""
    assert found.comparison.primaries[0].judgement.verdict is Verdict.EQUIVALENT
    assert found.comparison.decision.planned == 7
    assert status(found.summary).partition("look ")[2].startswith("1 of 3, of at most 12 blocks")


def test_a_run_goes_on_where_a_verdict_is_open(tmp_path: Path) -> None:
    """A missing value is inconclusive at every look: all blocks are run."""
    path = ran(tmp_path, looking(tmp_path, 7, 8, 9, primary="p50"))

    assert len(read_info(path).order) == 18
    assert status(conclude(path).summary).endswith("3 of 3.")


def test_looks_count_valid_blocks(tmp_path: Path) -> None:
    """With one invalid block the eighth is the seventh that is valid."""
    path = ran(tmp_path, looking(tmp_path, 7, 12), World(invalid_blocks=frozenset({2})))

    assert len(read_info(path).order) == 16
    assert len(conclude(path).summary.decision.used) == 7


def test_a_run_that_ended_at_a_look_has_nothing_to_continue(tmp_path: Path) -> None:
    """--resume finds the verdicts reached, and runs no trial."""
    path = ran(tmp_path, looking(tmp_path, 7, 12), World(invalid_blocks=frozenset({2})))
    before = read_info(path)
    resume_run(planned(path), path, QuietView(), around=FakeSurroundings().make())

    assert read_info(path) == before


def test_looks_decide_the_number_of_blocks(tmp_path: Path) -> None:
    """It is that of the last look, and --blocks cannot change a declared design."""
    path = tmp_path / "looking.toml"
    path.write_text(scenario_text(looking(tmp_path, 7, 12)))
    refusal = CliRunner().invoke(app, ["run", str(path), "--blocks", "9"]).exception

    assert looking(tmp_path, 7, 12).trials.blocks == 12
    assert isinstance(refusal, UsageError)
    assert "7, 12" in str(refusal)

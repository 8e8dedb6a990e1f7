"""A session of `lab ui`: one arm after the other behind one URL, Locust's web UI in front of it, everything recorded.

Every visit of an arm is a trial of a run folder that is marked as exploratory, without a plan and without a verdict.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from random import Random

from lab.engines.kinds import ENGINE_KINDS
from lab.errors import InterruptedRunError, LabError
from lab.host.interrupts import INTERRUPTS
from lab.load.place import HERE
from lab.plan.arm_topology import ports_needed
from lab.plan.blocks import build_plan
from lab.plan.points import trial_id
from lab.plan.trial import Trial
from lab.record.folder import RunFolder, new_run_id
from lab.record.types import TrialState
from lab.run.by_hand import LOOK_S, ByHand, Wish, check_reachable, page_plan
from lab.run.preparation import prepare, preparing, with_secrets
from lab.run.run import load_place
from lab.run.surroundings import REAL, Surroundings
from lab.run.tools import Run
from lab.run.topology import topology_of
from lab.run.trial import run_trial
from lab.run.view import QuietView
from lab.scenario.drills import Verb
from lab.scenario.file import scenario_to_json
from lab.scenario.model import Arm, Scenario
from lab.scenario.secret import NO_SECRETS, Redactor


def explore(scenario: Scenario, name: str, out: Path, arm: str, view: QuietView, around: Surroundings = REAL) -> str:
    """Serve the page until the person ends the session; a sentence where its report is.

    ``scenario`` is what ``by_hand`` gave. A signal is an end as good as the button of the page. Raises the LabError of
    the first arm when it does not come up; later the page says so and offers the others.
    """
    check_reachable(scenario)
    run_id = new_run_id(f"{name}-ui")
    with around.lock(run_id, view.step):
        return _explore(scenario, run_id, name, out, arm, view, around)


def _explore(
    scenario: Scenario, run_id: str, name: str, out: Path, arm: str, view: QuietView, around: Surroundings
) -> str:
    plan, redact = with_secrets(build_plan(scenario), around)
    with ExitStack() as stack:
        with preparing(view):
            check_reachable(plan.scenario, around.elsewhere(plan.scenario, run_id))
            prepared = prepare(run_id, plan, view, around)
            # an engine without any image could not be asked before
            check_reachable(prepared.plan.scenario, prepared.engine.elsewhere)
            place = stack.enter_context(load_place(prepared.engine, prepared.plan.scenario.load))
            info = prepared.info(name)
        folder = RunFolder.create(out, replace(info, order=(), states={}, exploratory=True), redact)
        view.watch(folder)
        try:
            with suppress(KeyboardInterrupt):  # one that came while the last arm was taken down
                serve(prepared.run(folder, place), arm, redact)
        except LabError as error:
            error.hint = f"{error.hint}; {_report(folder, around)}".lstrip("; ")
            raise
    return _report(folder, around)


def serve(run: Run, arm: str, redact: Redactor = NO_SECRETS) -> None:
    """Show one arm after the other, until the person or a signal ends the session."""
    scenario, apart = run.plan.scenario, run.place is not HERE
    most = max(ports_needed(scenario, each, run.engine.elsewhere) for each in scenario.arms)
    port = run.engine.free_ports(most, scenario.trials.seed)[0] if most else 0
    first = next(trial for trial in run.plan.trials if trial.arm.name == arm)
    plan = page_plan(scenario, topology_of(run.engine, first, port, run.certificate), run.folder.path)
    plan = replace(plan, base_url=run.place.url(plan.base_url), by_hand=apart)
    with (
        INTERRUPTS.deferred(),
        run.tools.loads(run.folder.path, run.place) as workers,
        run.tools.start_web(plan) as web,
    ):
        run.view.serving(web.url)
        engine = run.engine.name
        verbs = ENGINE_KINDS[engine].verbs if engine in ENGINE_KINDS else frozenset[Verb]()  # who is not declared: none
        session = Session(run, ByHand(scenario, web, port, verbs, workers if apart else None), redact)
        wish = Wish(arm)
        while wish.arm is not None:
            wish = session.visit(next(each for each in scenario.arms if each.name == wish.arm))


class Session:
    """A session: the visits so far, and what the folder says of them."""

    def __init__(self, run: Run, drive: ByHand, redact: Redactor) -> None:
        self._run = run
        self._drive = drive
        self._redact = redact
        self._kept: Counter[str] = Counter()

    def visit(self, arm: Arm) -> Wish:
        """One visit, however it ends, and what the person wants after it."""
        run, drive = self._run, self._drive
        trial = self._next_trial(arm)
        run.view.trial_started(trial, self._kept.total() + 1, 0)
        try:
            record = run_trial(run, trial, drive)
        except InterruptedRunError:
            run.folder.note_cut("")  # a session has no plan that could be cut
            return Wish(None)
        except LabError as error:
            if not drive.up or drive.web.dead:
                raise
            run.folder.note_cut("")  # the session goes on; the trial's own state says what became of it
            drive.web.fail(self._redact(str(error)))
            run.view.trial_dropped(trial, error)
            while (wish := drive.listen(LOOK_S)) is None:
                continue
            return wish
        if record is None:
            run.view.trial_dropped(trial, None)
        else:
            self._note_kept(arm)
        return drive.wish or Wish(None)

    def _next_trial(self, arm: Arm) -> Trial:
        """The nth visit of an arm that is kept is its trial in block n."""
        block = self._kept[arm.name] + 1
        seed = Random(f"{self._run.plan.scenario.trials.seed}/{block}/{arm.name}").getrandbits(32)
        position = self._kept.total()
        point = self._run.plan.trials[0].point
        return Trial(
            id=trial_id(block, "", arm.name),
            point=point,
            block=block,
            position=position,
            arm=arm,
            schedule_seed=seed,
            setup_seed=seed,
        )

    def _note_kept(self, arm: Arm) -> None:
        """The scenario of the folder is that of the visits: a report shall miss no other arm."""
        self._kept[arm.name] += 1
        folder, scenario = self._run.folder, self._run.plan.scenario
        visited = tuple(each for each in scenario.arms if self._kept[each.name])
        trials = replace(scenario.trials, blocks=max(self._kept.values()))
        kept = scenario_to_json(replace(scenario, arms=visited, trials=trials))
        folder.write_info(replace(folder.info, scenario=kept))


def _report(folder: RunFolder, around: Surroundings) -> str:
    if TrialState.DONE not in folder.info.states.values():
        return f"nothing was recorded; the logs are in {folder.path}"
    return f"session kept: {around.conclude(folder.path).written.html}"

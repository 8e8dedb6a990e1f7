"""The drill of a trial: at its instant something is done to the arm on purpose, beside the load (METHOD 9)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from lab.engines import Deployment
from lab.errors import DeploymentError, LabError
from lab.load.outcome import LoadOutcome
from lab.plan.certificate import Certificate
from lab.plan.models.model import model_of
from lab.plan.reloads import reloads_of
from lab.plan.trial import Trial
from lab.record.schema import ACTION, FAILED, OVER, EventKind
from lab.record.types import Event
from lab.run.scene import Act, Scene
from lab.run.verbs import VERBS
from lab.scenario.drills import TICK_S, Drill

END_WITHIN_S = 30.0  # what is being done is waited for, at the end of a trial


def action_s(trial: Trial) -> float:
    """When the trial's action is due, in seconds from the start of the measure phase; the same for all of a block."""
    drill = trial.point.drill
    return (drill.after if drill else 0.0) + Random(f"{trial.schedule_seed}/action").uniform(0, TICK_S)


class Acting:
    """Carries out the drill of a trial in a thread, so that no poll of the load is late for it."""

    def __init__(self, trial: Trial, deployment: Deployment, certificate: Certificate | None = None) -> None:
        self._trial = trial
        self._deployment = deployment
        self._certificate = certificate
        self._acts: list[Act] = []
        self._error: Exception | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.began = False  # what ends from now on may have been ended by it

    def look(self, measure_start_s: float | None) -> None:
        """Take note of when the measure phase began (CLOCK_MONOTONIC). Raises the error of an act that failed."""
        if self._error is not None:
            raise self._error
        if measure_start_s is None or self._thread is not None or self._trial.point.drill is None:
            return
        self._thread = threading.Thread(target=self._act, args=(measure_start_s,), name="drill", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise DeploymentError when something of the arm has ended and this cannot be why.

        It may begin between two questions to the engine, of which the second one tells of what it has ended.
        """
        if self.began:
            return
        try:
            self._deployment.check()
        except DeploymentError:
            if not self.began:
                raise

    @property
    def busy(self) -> bool:
        """Something is being done."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def acts(self) -> tuple[Act, ...]:
        """What was done so far."""
        return tuple(self._acts)

    def do(self, drill: Drill) -> None:
        """Begin what a person asked for; one that is not over goes first. What cannot be done is told as an act."""
        if not self.busy:
            self._thread = threading.Thread(target=self._do, args=(drill,), name="drill", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Nothing more is done; what is being done is waited for."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(END_WITHIN_S)

    def end(self) -> None:
        """As ``stop``. Raises the error of an act that failed, or DeploymentError when one does not come to its end."""
        self.stop()
        if self._error is not None:
            raise self._error
        if self._thread is not None and self._thread.is_alive():
            raise DeploymentError(
                f"{self._trial.id}: the drill is not over {END_WITHIN_S:g} s after the load",
                "measure longer (load.measure), so that what is done comes to its end under load",
            )

    def events(self, t0_s: float) -> Iterator[Event]:
        """What was done, as instants of the trial that began at ``t0_s`` (CLOCK_MONOTONIC)."""
        for act in self._acts:
            yield Event(
                t_s=act.began_s - t0_s,
                until_s=act.ended_s - t0_s,
                kind=f"{ACTION}{act.what}",
                service=act.service,
                pid=act.pid,
                detail=act.detail,
            )

    def _act(self, measure_start_s: float) -> None:
        drill = self._trial.point.drill
        due_s = measure_start_s + action_s(self._trial)
        if drill is None or self._over.wait(max(0.0, due_s - time.monotonic())):
            return
        try:
            self._carry_out(drill)
        except Exception as error:  # noqa: BLE001  it is raised where the trial is followed, as a fault of it
            self._error = error

    def _do(self, drill: Drill) -> None:
        try:
            self._carry_out(drill)
        except LabError as error:  # the arm is still there, and the person may ask for something else
            now_s = time.monotonic()
            self._acts.append(Act(what=FAILED, began_s=now_s, ended_s=now_s, detail=str(error)))
        except Exception as error:  # noqa: BLE001  as above
            self._error = error

    def _carry_out(self, drill: Drill) -> None:
        scene = Scene(
            drill=drill,
            deployment=self._deployment,
            seed=self._trial.schedule_seed,
            tell=self._acts.append,
            wait=self._over.wait,
            hangup=model_of(self._trial.arm).supervision.hangup,
            front=reloads_of(self._trial.arm, self._deployment.topology),
            certificate=self._certificate,
        )
        self.began = True
        if VERBS[drill.verb](scene):
            scene.done(OVER, time.monotonic())


def given_up(trial: Trial, loaded: LoadOutcome, t0_s: float) -> Iterator[Event]:
    """The end of a load that was given up, until the instant at which it would have ended (METHOD 9.6)."""
    if loaded.aborted:
        planned_s = loaded.measure_start_s + trial.scenario.load.measure
        yield Event(t_s=loaded.measure_end_s - t0_s, until_s=planned_s - t0_s, kind=EventKind.ABORTED)


@contextmanager
def acting(trial: Trial, deployment: Deployment, certificate: Certificate | None = None) -> Iterator[Acting]:
    """The drill of a trial, if it has one; on leaving it is over. Raises the error of an act that failed.

    ``certificate``: what may take the place of the one that clients are shown.
    """
    found = Acting(trial, deployment, certificate)
    try:
        yield found
    except BaseException:
        found.stop()
        raise
    found.end()

"""The moment of a run as OpenMetrics on loopback: ``--metrics-port``. Text is made when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from lab import __version__
from lab.analysis.gates.gate import CAVEAT, INVALID
from lab.analysis.gates.limits import FOREIGN, SAMPLER_CPU, STEAL
from lab.cli.live.screen import LOADED, Moment
from lab.cli.live.watch import Watch
from lab.errors import MissingError
from lab.live.figures import ProcessFigures
from lab.plan.blocks import Plan
from lab.run.steps import Step
from lab.run.view import QuietView, together
from lab.scenario.network import LOOPBACK

PREFIX = "process_model_lab"
MACHINE_GATES = (STEAL, FOREIGN, SAMPLER_CPU)  # those that can be told while a trial is measured
Values = Iterable[tuple[tuple[str, ...], float | None]]


def families(moment: Moment, run_id: str) -> Iterator[Metric]:
    """What is known at this moment. What is not known yet is left out; a series ends with what it tells of."""
    run = {"run": run_id, "scenario": moment.name, "version": __version__}
    yield InfoMetricFamily(f"{PREFIX}_run", "The run, and the lab that runs it.", run)
    trial = moment.trial
    labels = {"trial": trial.id, "arm": trial.arm.name, "block": str(trial.block), "phase": _phase(moment)}
    labels |= {"point": trial.point.title} if trial.point.title else {}
    yield InfoMetricFamily(f"{PREFIX}_trial", "The trial that runs, and what it is doing.", labels)
    yield _gauge("trial_number", "Its number in the run, from 1.", [((), moment.number)])
    yield _gauge("trials_planned", "Trials of the run; 0 where nobody knows.", [((), moment.total)])
    yield from _load(moment)
    yield from _processes(moment)
    yield from _gates(moment)


def _phase(moment: Moment) -> str:
    """One of a few words: a label that quotes who disturbs the machine would make a series of every sentence."""
    if moment.progress is not None and moment.step in LOADED:
        return moment.progress.phase
    return moment.step if moment.step in list(Step) else "waiting"


def _load(moment: Moment) -> Iterator[Metric]:
    if moment.progress is not None:
        counts = {"arrivals": moment.progress.sent, "failures": moment.progress.failed}
        meanings = {"arrivals": "Requests sent in this trial.", "failures": "Those that failed."}
        for name, count in (counts | {"dropped": moment.progress.dropped}).items():
            meaning = meanings.get(name, "Arrivals for which no connection was free in time.")
            family = CounterMetricFamily(f"{PREFIX}_{name}", meaning, labels=("trial", "arm"))
            family.add_metric((moment.trial.id, moment.trial.arm.name), count)
            yield family
    requests = moment.figures.requests
    yield _gauge("arrivals_per_second", "Arrivals a second in this phase so far.", [((), requests.per_second)])
    spread = [(("0.5",), requests.p50_s), (("0.99",), requests.p99_s)]
    yield _gauge("response_time_seconds", "Response time in this phase so far.", spread, "quantile")
    lag = [(("0.99",), requests.lag_p99_s)]
    yield _gauge("lag_seconds", "How much later than scheduled requests left in this phase.", lag, "quantile")
    yield _gauge("load_cpu_cores", "CPU of the busiest load process, in cores.", [((), moment.figures.load_cpu)])


def _processes(moment: Moment) -> Iterator[Metric]:
    """By role, summed over the processes of which all are known: half a sum would look like a fall."""
    found, arm = moment.figures.processes, moment.trial.arm.name
    roles = dict.fromkeys(process.role for process in found)

    def of_roles(value: Callable[[ProcessFigures], float | None]) -> Iterator[tuple[tuple[str, ...], float | None]]:
        for role in roles:
            values = [value(process) for process in found if process.role is role]
            known = [one for one in values if one is not None]
            yield (arm, role.value), sum(known) if len(known) == len(values) else None

    by = ("arm", "role")
    yield _gauge("processes", "Processes of the arm.", of_roles(lambda _process: 1), *by)
    yield _gauge("memory_pss_bytes", "Their memory (PSS).", of_roles(lambda process: process.pss_bytes), *by)
    yield _gauge("cpu_cores", "Their CPU over the last two seconds, in cores.", of_roles(lambda each: each.cpu), *by)


def _gates(moment: Moment) -> Iterator[Metric]:
    machine = moment.machine
    seen = zip(MACHINE_GATES, (machine.steal, machine.foreign, machine.sampler), strict=True)
    values = [((gate.key,), value) for gate, value in seen]
    yield _gauge("gate_value", "What a gate on the machine would find now; only while measuring.", values, "gate")
    limits = [((gate.key, word), gate.limit(word)) for gate in MACHINE_GATES for word in (CAVEAT, INVALID)]
    yield _gauge("gate_limit", "Beyond it the gate says so of the whole phase.", limits, "gate", "outcome")
    finished = CounterMetricFamily(f"{PREFIX}_trials_finished", "Trials that gates have judged.")
    finished.add_metric((), len(moment.lengths_s))
    invalid = CounterMetricFamily(f"{PREFIX}_trials_invalid", "Those that a gate refused.")
    invalid.add_metric((), moment.invalid)
    yield from (finished, invalid)
    caveats = [((key,), 1.0) for key in sorted(moment.caveats)]
    yield _gauge("gate_caveat", "Gates that left a caveat in some trial so far.", caveats, "gate")


def _gauge(name: str, meaning: str, values: Values, *labels: str) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=labels)
    for where, value in values:
        if value is not None:
            family.add_metric(where, value)
    return family


class _Live:
    """What the library calls a collector: it asks whenever a page is asked for."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        return families(self._watch.now(), self._watch.run_id)


@contextmanager
def serving(port: int) -> Iterator[Callable[[Plan, QuietView], QuietView]]:
    """Serve http://127.0.0.1:PORT/metrics inside the block; 0 is any free port, named by the view's first step.

    Gives a function from a plan and its view to a view that tells both the old one and the page. Raises MissingError
    (exit 4) when the port is another's.
    """
    registry = CollectorRegistry(auto_describe=False)
    try:
        server, thread = start_http_server(port, LOOPBACK, registry)
    except OSError as error:
        raise MissingError(
            f"--metrics-port {port}: nobody can listen there: {error.strerror}",
            f"give another port, or end what listens on {LOOPBACK}:{port} (see: ss -ltnp)",
        ) from None

    def show(plan: Plan, view: QuietView) -> QuietView:
        watch = Watch(plan)
        registry.register(_Live(watch))
        view.step(f"live figures: http://{LOOPBACK}:{server.server_port}/metrics")
        return together(watch, view)

    try:
        yield show
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

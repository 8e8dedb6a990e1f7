"""Metrics of an arm's start."""

from lab.metric_types import Better, Group, Metric, Unit

START = (
    Metric(
        key="boot",
        unit=Unit.SECONDS,
        better=Better.LOWER,
        group=Group.START,
        title="time until ready",
        definition="From the request to start the arm's first container until N distinct processes have answered. "
        "Sidecars and jobs, which run before, are not in it.",
        bound=0.20,
    ),
    Metric(
        key="prestart.executions",
        unit=Unit.COUNT,
        better=Better.LOWER,
        group=Group.START,
        title="runs of the app's start-up steps",
        noun="number of runs of its start-up steps",
        definition="How often the app said that a step of its own began (a line `lab-step NAME begin` on its output) "
        "until the end of the load. Missing where it says nothing.",
    ),
    Metric(
        key="prestart.seconds",
        unit=Unit.SECONDS,
        better=Better.LOWER,
        group=Group.START,
        title="time in the app's start-up steps",
        noun="time in its start-up steps",
        definition="For each step the time during which at least one process was in it, by the engine's instants of "
        "the lines `lab-step NAME begin` and `lab-step NAME end`; summed over the steps.",
    ),
)

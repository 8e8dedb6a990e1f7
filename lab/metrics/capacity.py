"""The metric of an arm that climbed a ladder of rates (METHOD 10)."""

from typing import Final

from lab.metric_types import Better, Group, Metric, Unit

CAPACITY: Final = "capacity.rate"

CAPACITIES = (
    Metric(
        key=CAPACITY,
        unit=Unit.PER_SECOND,
        better=Better.HIGHER,
        group=Group.CAPACITY,
        title="capacity under the objective",
        noun="capacity",
        definition="The highest rate at which the arm held its objective (capacity.slo): where isotonic regression of "
        "the rungs' margins on the logarithm of the rate crosses zero. A rung's margin is log(percentile ÷ limit); "
        "where a share is broken, log(bad share ÷ allowed) or log(0.99 × offered ÷ achieved) if that is more. Missing "
        "where every rung held, or none.",
        bound=0.10,
    ),
)

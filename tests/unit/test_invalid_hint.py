"""What helps where a run is not valid: the hint names what spoiled it, and nothing that would not help."""

from __future__ import annotations

import pytest

from lab.cli.verbs import BARE_WAIT
from lab.run.blocks import BESIDE_HINT, BUSY_HINT, WAIT_HINT, hint_of
from tests import judged_runs
from tests.builders import make_gate

NEIGHBOUR, BUSY, READINGS = "memory.neighbours", "machine.foreign", "sampler.readings"


@pytest.mark.parametrize(
    ("gates", "hint"),
    [
        ([NEIGHBOUR], BESIDE_HINT),
        ([NEIGHBOUR, BUSY], WAIT_HINT),
        ([READINGS], BUSY_HINT),
        ([NEIGHBOUR, READINGS], BUSY_HINT),
    ],
)
def test_the_hint_is_about_what_was_judged(gates: list[str], hint: str) -> None:
    """Memory is: a busy machine spoils what nobody judged, and stopping programs would not mend memory."""
    failed = tuple(make_gate("invalid", key=key) for key in gates)
    trials = {f"b{block:02d}-workers": failed for block in range(1, 9)}

    assert hint_of(judged_runs.summary(judged_runs.scenario(), {}, gates=trials).decision) == hint
    assert (BARE_WAIT in hint) == (hint == BUSY_HINT), "what waits for a quiet machine is named where it was not"

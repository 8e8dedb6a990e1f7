"""The dispatcher's lag: how late the generator was, for every measured arrival, and never how slow the arm is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent

from lab.analysis.gates.gate import INVALID
from lab.analysis.gates.limits import LAG
from lab.load.arrivals import Timetable
from lab.load.inside.dispatcher import Dispatcher
from lab.load.inside.journal import Journal, Lane
from lab.load.inside.load_counts import Tally, lag_quantile_s
from lab.load.inside.recording import RequestRecorder

LANES = 4
LEAD_S = 0.05
DEADLINE_S = 30.0


@contextmanager
def dispatching(directory: Path, rate: float, measure_s: float, service_s: float, limit: int) -> Iterator[Tally]:
    """Four lanes that take ``service_s`` for each of the evenly spaced arrivals; inside, they have just begun."""
    tally = Tally()
    recorder = RequestRecorder(directory / "r.bin")
    journal = Journal(recorder, tally, open_model=True)
    table = Timetable(rate=rate, schedule="uniform", seed=7, lanes=LANES, measure_s=measure_s)
    dispatcher = Dispatcher(journal, table, ["User"] * LANES, range(LANES), limit)

    def serve(lane: Lane) -> None:
        while True:
            dispatcher.take(lane)
            gevent.sleep(service_s)

    greenlets = [gevent.spawn(serve, Lane(number, "User")) for number in range(LANES)]
    gevent.sleep(0)
    start_s = time.monotonic() + LEAD_S
    dispatcher.start(start_s, start_s)
    yield tally
    give_up_at = start_s + measure_s + DEADLINE_S
    while tally.scheduled < rate * measure_s and time.monotonic() < give_up_at:
        gevent.sleep(LEAD_S)
    dispatcher.give_up()
    gevent.killall(greenlets)
    recorder.close()


def test_a_stall_of_the_generator_is_seen_in_every_arrival_that_it_delays(tmp_path: Path) -> None:
    """200/s on 4 lanes, one stall of 1 s in 3 s: of its 200 arrivals all but 4 find no idle lane. p99 975 ms, not 3."""
    with dispatching(tmp_path, 200.0, 3.0, 0.002, limit=400) as tally:
        gevent.sleep(1.0)
        began_s = time.monotonic()
        time.sleep(1.0)
        stalled_s = time.monotonic() - began_s

    lag_s = lag_quantile_s([{str(step): count for step, count in tally.lags[0].items()}], 0.99)
    assert sum(tally.lags[0].values()) == tally.scheduled == 600
    assert lag_s is not None
    assert stalled_s - 0.1 <= lag_s <= stalled_s + 0.5, "it may end late on a busy machine"
    assert LAG.outcome(lag_s) == INVALID


def test_waiting_for_a_busy_lane_is_no_lag(tmp_path: Path) -> None:
    """Each request takes 200 ms, so that the last of 40 arrivals waits for more than a second; dropped ones count."""
    with dispatching(tmp_path, 80.0, 0.5, 0.2, limit=20) as tally:
        pass

    assert tally.dropped > 0
    assert sum(tally.lags[0].values()) == tally.scheduled == 40
    assert max(tally.lags[0]) * 1e-5 < 0.5

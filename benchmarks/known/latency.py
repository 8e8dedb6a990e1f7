"""Recorded latency against what a server with a known service time logged itself, with wrk beside it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.known.check import Check
from benchmarks.known.load import RATE, drive
from benchmarks.known.server import Floats, known_server

SERVICE_TIMES_S = (0.005, 0.020, 0.100)
QUANTILES = (0.50, 0.99)
LIMITS_S = np.array((0.0005, 0.002))
TIE_S = np.array((0.00005, 0.0005))  # two quiet cores: p50 of either 0.08 to 0.12 ms off, p99 of wrk 0.1 to 1.8 ms
LANES = 64
CONNECTIONS = 40
WRK_SCRIPT = """\
function delay() return math.random(0, {most}) end
function done(summary, latency)
  io.write("quantiles in µs: ", latency:percentile(50), " ", latency:percentile(99), "\\n")
end
"""
"""wrk as it comes has every connection ask again at once; with these pauses it makes RATE requests a second at random
instants, as the lab does."""


def check_latency(alternations: int = 5, seconds: float = 5.0) -> Iterator[Check]:
    """Three service times; for each, medians over alternating runs of the lab and of wrk."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing; install it (Debian, Ubuntu: apt-get install wrk)")
    for service_s in SERVICE_TIMES_S:
        runs = [_pair(service_s, seconds, lab_first=number % 2 == 0) for number in range(alternations)]
        service, response, wrk = (np.median([run[part] for run in runs], axis=0) for part in range(3))
        name = f"{service_s * 1e3:.0f} ms"
        columns = zip(("p50", "p99"), service, wrk, response, LIMITS_S, TIE_S, strict=True)
        for quantile, ours, theirs, whole, limit, tie in columns:
            case, log = f"service time {name}, {quantile}", "the server's log"
            yield Check(
                case=case,
                planted=log,
                printed=_ms(ours),
                allowed=f"±{_ms(limit)[1:]}",
                holds=abs(ours) <= limit,
            )
            yield Check(
                case=f"{case}: not further off than wrk",
                planted=log,
                printed=f"{_ms(ours)}, wrk {_ms(theirs)}",
                allowed=f"{_ms(tie)[1:]} further off",
                holds=abs(ours) <= abs(theirs) + tie,
            )
            yield Check(case=f"{case}: with the generator's own delay", planted=log, printed=_ms(whole))


def _pair(service_s: float, seconds: float, *, lab_first: bool) -> tuple[Floats, Floats, Floats]:
    """Errors of service time, response time, and of wrk, at QUANTILES, in seconds."""
    if lab_first:
        ours = _lab_errors(service_s, seconds)
        return *ours, _wrk_errors(service_s, seconds)
    theirs = _wrk_errors(service_s, seconds)
    return *_lab_errors(service_s, seconds), theirs


def _lab_errors(service_s: float, seconds: float) -> tuple[Floats, Floats]:
    with tempfile.TemporaryDirectory() as folder:
        with known_server(service_s, Path(folder)) as server:
            loaded = drive(server, Path(folder), LANES, seconds)
        outcome = loaded.outcome
        known = _quantiles(server.service_times(outcome.measure_start_s, outcome.measure_end_s))
    return _quantiles(loaded.service_s) - known, _quantiles(loaded.response_s) - known


def _wrk_errors(service_s: float, seconds: float) -> Floats:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "quantiles.lua"
        script.write_text(WRK_SCRIPT.format(most=round(2000 * (CONNECTIONS / RATE - service_s))), encoding="utf-8")
        with known_server(service_s, Path(folder)) as server:
            command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "-s", str(script), server.url]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        known = _quantiles(server.service_times())
    recorded = said.partition("quantiles in µs: ")[2].split()[:2]
    return np.array([float(quantile) * 1e-6 for quantile in recorded]) - known


def _quantiles(times_s: Floats) -> Floats:
    return np.quantile(times_s, QUANTILES, method="inverted_cdf")


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:+.2f} ms"

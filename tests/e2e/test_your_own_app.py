"""Somebody else's app, from `lab init` to a report, watched on a terminal of 80 columns (docs/your_own_app.md)."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.e2e.conftest import (
    LAB,
    OF_AN_EXAMPLE,
    REPOSITORY,
    TIMEOUT_S,
    check_done,
    check_only_busy,
    edit,
    lab,
    quick,
)
from tests.terminal import Terminal, terminal

pytestmark = OF_AN_EXAMPLE

ARTEFACTS = REPOSITORY / "artifacts"


def watched_run(screen: Terminal, scenario: Path, out: Path) -> int:
    """Exit code of a run whose standard error is this terminal."""
    done = subprocess.run(
        [*LAB, "run", str(scenario), "--blocks", "1", "--out", str(out)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=screen.slave,
        timeout=TIMEOUT_S,
        cwd=REPOSITORY,
        check=False,
    )
    screen.close()
    return done.returncode


def test_an_app_that_knows_nothing_of_the_lab_runs_from_init_to_report(tmp_path: Path) -> None:
    """Own Dockerfile, own start command, no header: processes, memory and shares are there all the same."""
    mine = tmp_path / "mine"
    made = lab("init", "--folder", "examples/shop", "--processes", 2, "--out", mine)
    assert made.code == 0, made.err
    scenario = edit(quick(mine / "scenario.toml"), "rate = 100", "rate = 200")

    with terminal(80, 24) as screen:
        code = watched_run(screen, scenario, tmp_path / "runs")
    check_only_busy(code, " ".join(screen.raw.decode().split()))

    (run,) = (tmp_path / "runs").iterdir()
    check_done(run)
    assert (run / "report.html").is_file()
    trials = run / "trials"
    attributions = {
        arm: json.loads((trials / f"b01-{arm}" / "record.json").read_text())["attribution"]
        for arm in ("workers", "workers-nginx", "replicas")
    }
    assert attributions == {"workers": "socket", "workers-nginx": "none", "replicas": "upstream"}
    check_view(screen)


def check_view(screen: Terminal) -> None:
    """Every part of the view was there while the replicas were measured, nothing wrapped, nothing stays."""
    ARTEFACTS.mkdir(exist_ok=True)
    frames = [shown for shown in screen.seen if any(re.match(r" now   replicas .* measure ━", line) for line in shown)]
    assert frames, "the measure phase was shown"
    frame = "\n".join(frames[-1])
    (ARTEFACTS / "terminal-80-columns.txt").write_text(frame + "\n", encoding="utf-8")
    assert re.search(r"^ scenario · 3 arms × 1 block · block 1/1 · \d+ s left", frame, re.MULTILINE)
    assert re.search(
        r"^ load  200/s asked  [\d.]+/s sent  p50 \S+ ms  p99 \S+ ms  0 failed  Locust \d+%$", frame, re.MULTILINE
    )
    rows = re.findall(r"^       worker +\d+ .* [\d.]+ MiB .* (\d+)%$", frame, re.MULTILINE)
    assert len(rows) == 2
    assert all(30 <= int(share) <= 70 for share in rows), "the upstream address tells who served"
    assert "so far, against workers" in frame
    assert not any(line.startswith((" scenario ·", " now ", " load ", " proc ")) for line in screen.screen)
    assert not screen.cursor_hidden

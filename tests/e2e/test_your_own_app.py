"""Somebody else's app, from `lab init` to a report, watched on a terminal of 80 columns (docs/your_own_app.md)."""

from __future__ import annotations

import json
import re
import shutil
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
# Once the figures are known. Where gates and long times take the room, what stands in the scenario is left out.
HEAD = re.compile(r"^ scenario · (3 arms (× 1 block )?· )?block 1/1 · .+ left", re.MULTILINE)
LOAD = re.compile(
    r"^ load  (200/s asked  )?[\d.]+/s sent  p50 \S+ m?s  p99 \S+ m?s  0 failed  (\d+ dropped  )?Locust \d+%$",
    re.MULTILINE,
)


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
    """No Dockerfile, no pinned packages, no header: processes, memory and shares are there all the same."""
    shop, mine = tmp_path / "shop", tmp_path / "mine"
    shop.mkdir()
    shutil.copy(REPOSITORY / "examples" / "shop" / "shop.py", shop)
    shutil.copy(REPOSITORY / "examples" / "shop" / "requirements.in", shop / "requirements.txt")
    made = lab("init", "--folder", shop, "--processes", 2, "--out", mine)
    assert made.code == 0, made.err
    assert f"written  {mine}/Dockerfile\n" in made.out
    scenario = edit(quick(mine / "scenario.toml"), "rate = 100", "rate = 200")
    edit(scenario, 'measure = "2s"', 'measure = "4s"')  # the view is drawn twice a second

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
    """Every part of the view was there while the replicas were measured, nothing wrapped, nothing stays.

    A frame may be seen half drawn: the estimates, which come last, tell a whole one.
    """
    ARTEFACTS.mkdir(exist_ok=True)
    frames = [shown for shown in screen.seen if any(re.match(r" now   replicas .* measure ━", line) for line in shown)]
    assert frames, "the measure phase was shown"
    whole = [frame for frame in map("\n".join, frames) if "so far, against workers" in frame and LOAD.search(frame)]
    assert whole, "\n".join(frames[-1])
    frame = whole[-1]
    (ARTEFACTS / "terminal-80-columns.txt").write_text(frame + "\n", encoding="utf-8")
    assert HEAD.search(frame)
    for said in (r" scenario · 3 arms × 1 block · block 1/1 · \d+ s left", r" load  200/s asked  [\d.]+/s sent"):
        assert any(re.match(said, line) for shown in screen.seen for line in shown), said
    rows = re.findall(r"^       worker +\d+ .* [\d.]+ MiB .* (\d+)%$", frame, re.MULTILINE)
    assert len(rows) == 2
    assert all(30 <= int(share) <= 70 for share in rows), "the upstream address tells who served"
    assert not any(line.startswith((" scenario ·", " now ", " load ", " proc ")) for line in screen.screen)
    assert not screen.cursor_hidden

"""The toys as an installed package: what another package needs so that the lab finds what it declares."""

from __future__ import annotations

import os
from pathlib import Path

TOYS = Path(__file__).parent / "toys"
REPOSITORY = Path(__file__).parent.parent
ENTRY_POINTS = """\
[process_model_lab]
front = lab_toys.front
model = lab_toys.model
engine = lab_toys.engine
"""
SCENARIO = f"""\
question = "Do toys run?"
engine = "bare"
ports = "26000-26999"
[app]
build = {str(REPOSITORY)!r}
requirements = {str(REPOSITORY / "requirements" / "app.txt")!r}
[budget]
processes = 2
[[arms]]
name = "forked"
model = {{ kind = "forked", preload = false }}
front = "direct"
[[arms]]
name = "turned"
model = "replicas"
front = {{ kind = "turnstile", backlog = "long" }}
[load]
locustfile = {str(REPOSITORY / "locustfiles" / "json_api.py")!r}
rate = 50
lanes = 8
warmup = "1s"
measure = "4s"
[trials]
blocks = 1
"""


def installed(folder: Path) -> dict[str, str]:
    """The environment of a command that finds the toys: as pip would leave them, without installing anything."""
    metadata = folder / "lab_toys-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-toys\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(TOYS)])}


def scenario_file(folder: Path) -> Path:
    """Both toys, each in an arm, on the toy engine."""
    path = folder / "toys.toml"
    path.write_text(SCENARIO)
    return path

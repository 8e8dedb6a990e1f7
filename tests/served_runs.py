"""A folder of runs to be served: the same scenario over some days, under conditions that change."""

from __future__ import annotations

import copy
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from lab.run.conclude import conclude
from tests.hostile.folders import sound_folder
from tests.run_folders import folder_of_the_session, told_as

FIRST, SECOND, MOVED, REBUILT, SPOILED = (f"2026110{day}T000000Z-quickstart-{day}" for day in (1, 2, 3, 4, 5))
CUT, OTHER = "20261106T000000Z-quickstart-6", "20261107T000000Z-churn-7"
NEW_IMAGE = {"app": {"name": "example/app:2", "digest": "sha256:" + "cd" * 32, "origin": "present"}}


@cache
def finished() -> Path:
    """A finished run with its report, made once."""
    root = folder_of_the_session("lab-served-")
    path = root / sound_folder()[0].name
    shutil.copytree(sound_folder()[0], path)
    conclude(path)
    return path


def serve_folder(root: Path) -> Path:
    """Seven runs in ``root``: the driver changes before the third, the image before the fourth."""
    moved: dict[str, Any] = {"environment": environment_with(storage_driver="fuse-overlayfs", kernel="6.12.3")}
    invalid = told("blocks") | {"valid": [], "invalid": [1, 2], "valid_for": {}}
    for name, info, result in (
        (FIRST, {}, None),
        (SECOND, {}, None),
        (MOVED, moved, None),
        (REBUILT, moved | {"images": NEW_IMAGE}, {"metrics": scaled(1.5)}),
        (SPOILED, moved | {"images": NEW_IMAGE}, {"blocks": invalid, "answer": []}),
        (CUT, {"cut": "interrupted during b01-workers"}, None),
        (OTHER, {"scenario_name": "churn"}, None),
    ):
        started = f"{name[:4]}-{name[4:6]}-{name[6:8]}T00:00:00+00:00"
        told_as(finished(), root, name, told=result, started_at=started, **info)
    return root


def environment_with(**facts: Any) -> dict[str, Any]:
    """The environment of the finished run with other facts."""
    environment = json.loads((finished() / "run.json").read_text())["environment"]
    return {"facts": environment["facts"] | facts}


def told(key: str) -> Any:
    """A part of the finished run's comparison.json."""
    return json.loads((finished() / "comparison.json").read_text())[key]


def scaled(factor: float) -> list[dict[str, Any]]:
    """All metrics of the finished run, so many times as large."""
    found = copy.deepcopy(told("metrics"))
    for metric in found:
        metric["median"] = metric["median"] and metric["median"] * factor
    return list(found)

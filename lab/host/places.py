"""Folders in which the lab keeps things between runs: where XDG_CACHE_HOME and XDG_STATE_HOME say, or below ~."""

from __future__ import annotations

from pathlib import Path

import platformdirs

NAME = "process-model-lab"


def cache_folder(kind: str = "") -> Path:
    """The folder for a ``kind`` of things that can be made again: ceilings, wheels, environments; "" for all."""
    return platformdirs.user_cache_path(NAME) / kind


def state_folder(kind: str) -> Path:
    """The folder for things of a ``kind`` that outlive the cache: noise floors."""
    return platformdirs.user_state_path(NAME) / kind

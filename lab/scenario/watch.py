"""Who looks after the containers of an arm's app while they serve: nobody, the engine's watchdog, or the front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from lab.scenario.kinds import FRONTS, MODELS, Options

Watch: TypeAlias = Literal["none", "engine", "front"]
BY_FRONT = "front"


def watched(arm: Mapping[str, Any]) -> dict[str, Any]:
    """An arm as it was written, with the options by which its front watches where it asks for that.

    An option that was written stays as it is.
    """
    table = arm.get("front")
    if arm.get("watch") != BY_FRONT or not isinstance(table, Mapping) or table.get("kind") not in FRONTS:
        return dict(arm)
    return {**arm, "front": {**FRONTS[table["kind"]].watching(table), **table}}


def watch_refusal(watch: Watch, model: Options, front: Options) -> str:
    """A sentence why this front cannot watch the containers of this model; "" when it can, or need not."""
    if watch != BY_FRONT:
        return ""
    if not FRONTS[front.kind].hops:
        return f'watch = "front": {front.kind} is none, and nobody is there to look; take "engine", or another front'
    if MODELS[model.kind].one_address:
        return (
            f'watch = "front": {model.kind} are one address to the front, which has no other to turn to; their '
            'supervisor looks after them, or take watch = "engine"'
        )
    return ""

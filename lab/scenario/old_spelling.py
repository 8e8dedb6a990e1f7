"""An arm as version 0.1 wrote it → as it is written now. What is stored in the old way is still read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.scenario.kinds import FRONTS


def in_new_spelling(arm: Mapping[str, Any]) -> dict[str, Any]:
    """An arm with the options of its front as version 0.1 wrote them, keys of the arm, → in a table of the front.

    Raises ValueError for an option that the front does not have, unless it has its default: then it said nothing.
    """
    front, rest = arm.get("front"), dict(arm)
    table = dict(front) if isinstance(front, Mapping) else {"kind": front}
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in FRONTS:
        return rest
    for owner, declared in FRONTS.items():
        for key in declared.arm_keys:
            if key not in rest:
                continue
            value = rest.pop(key)
            if key in table:
                raise ValueError(f'"{key}" is given twice, in the arm and in its front: leave out that of the arm')
            if key in FRONTS.option_names(kind):
                table[key] = value
            elif value != getattr(declared.options(), key):
                raise ValueError(f'"{key}" needs front = "{owner}"')
    return {**rest, "front": table}

"""Whether a run that is not whole can still become valid, and how it goes on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from types import MappingProxyType

from lab.analysis.blocks import BlockDecision, replacements_allowed
from lab.report.parts.gate_sentences import family_names
from lab.scenario.model import Scenario
from lab.units import count_of

STARTS_AGAIN = "starts again"  # what is said of ``again_command``
NOWHERE: Mapping[str, str] = MappingProxyType({})


def lost_told(decision: BlockDecision, what: str = "this run") -> str:
    """What cannot become valid any more, whatever is still measured, what still can, and why; empty while all can."""
    if not (beyond := decision.beyond):
        return ""
    invalid = len(decision.invalid_for(*beyond))
    are = f"{count_of(invalid, 'block')} {'is' if invalid == 1 else 'are'} invalid"
    why = f"{are}, and {replaceable(decision.planned)}"
    if decision.hopeless:
        return f"{what} cannot become valid any more: {why}"
    lost, rest = family_names(beyond), family_names(decision.needed - beyond)
    return f"{what} cannot become valid for {lost} any more, for {rest} it still can: {why}"


def replaceable(planned: int) -> str:
    """``"1 of 6 blocks may be replaced"``."""
    allowed = replacements_allowed(planned)
    return f"{allowed} of {planned} blocks may be replaced" if allowed else "with fewer than 5 blocks none is replaced"


def resume_command(scenario: Scenario, run: object) -> str:
    """The command that makes the trials which a run lacks; `lab run` goes on with ladders too."""
    command = "lab limits" if scenario.lab_command == "lab limits" else "lab run"
    return f"{command} --resume {shlex.quote(str(run))}"


def again_command(scenario: Scenario, run: object) -> str:
    """The command that makes the run once more, from its beginning."""
    return f"{scenario.lab_command} {shlex.quote(str(run))}"


def placed(text: str, places: Mapping[str, str]) -> str:
    """A text whose commands name runs by their folders: ``places`` by run id, as one types them where the text is read.

    A file says the id, because nobody knows where it will be read; a terminal knows.
    """
    for run, place in places.items():
        named = re.escape(shlex.quote(run))
        folder = shlex.quote(place).replace("\\", r"\\")
        text = re.sub(rf"(\blab [a-z]+ (?:--resume )?){named}(?![\w.-])", rf"\g<1>{folder}", text)
    return text

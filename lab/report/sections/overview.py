"""A run in one row of a list: when, what, whether it is valid, what came out, where."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lab.errors import ScenarioError
from lab.record.bundle_reading import BUNDLE
from lab.record.types import RunInfo, TrialState
from lab.report.first_screen import INVALID, NOT_VALID, Answer
from lab.report.parts.facts import cores_text, known, memory_text
from lab.report.parts.going_on import again_command
from lab.report.sections.lead import NUMBERS_ONLY
from lab.report.told import Told


class Validity(StrEnum):
    """Whether the numbers of a run may be quoted, or why nobody can tell."""

    VALID = "valid"
    NOT_VALID = "not valid"
    UNFINISHED = "unfinished"
    BY_HAND = "by hand"  # a session of `lab ui`
    NO_REPORT = "no report"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run that was found: what is known of it, or, without ``info``, the ``problem`` with it.

    ``name`` is that of its folder or bundle, ``place`` its path as a command names it here; ``told`` is None where no
    report says what came out.
    """

    name: str
    place: str = ""
    info: RunInfo | None = None
    told: Told | None = None
    has_page: bool = False
    problem: str = ""

    @property
    def age(self) -> tuple[str, str]:
        """What sorts runs, oldest first: when it was started, as a folder may be renamed, and then its name."""
        return (self.info.started_at if self.info else "", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry in words; ``place`` is quoted for a shell.

    ``blocks``: ``"6/6"`` valid ones of the planned; empty where no report tells.
    """

    name: str
    validity: Validity
    answers: tuple[Answer, ...]
    place: str = ""
    when: str = ""
    scenario: str = ""
    question: str = ""
    blocks: str = ""
    arms: str = ""
    machine: str = ""
    has_page: bool = False
    points: tuple[str, ...] = ()

    @property
    def is_bundle(self) -> bool:
        """Tell whether it lies in a bundle: a folder beside it may hold the same run."""
        return self.name.endswith(BUNDLE)

    def holds(self, words: Iterable[str]) -> bool:
        """Tell whether each of the words, in lower case, stands somewhere in the row."""
        parts = (self.name, self.when, self.scenario, self.question, self.validity, self.arms, self.machine)
        text = " ".join((*parts, *(answer.sentence for answer in self.answers))).lower()
        return all(word in text for word in words)


def row_of(entry: Entry) -> Row:
    """A run as the list shows it."""
    info = entry.info
    if info is None:
        return Row(name=entry.name, place=place_of(entry), validity=validity_of(entry), answers=answers_of(entry))
    return Row(
        name=entry.name,
        place=place_of(entry),
        when=info.started_at[:16].replace("T", " "),
        scenario=info.scenario_name,
        question=info.question,
        validity=validity_of(entry),
        blocks=blocks_text(entry),
        answers=answers_of(entry),
        arms=", ".join(info.arms),
        machine=machine_words(info),
        has_page=entry.has_page,
        points=entry.told.points if entry.told else (),
    )


def place_of(entry: Entry) -> str:
    """The run as a command typed here names it."""
    return shlex.quote(entry.place or entry.name)


def validity_of(entry: Entry) -> Validity:
    """Tell whether a run is valid, from what its report said."""
    info, told = entry.info, entry.told
    if info is None:
        return Validity.UNREADABLE
    if info.exploratory:
        return Validity.BY_HAND
    if info.cut or TrialState.PLANNED in info.states.values():
        return Validity.UNFINISHED
    if told is None:
        return Validity.NO_REPORT
    return Validity.VALID if told.is_valid else Validity.NOT_VALID


def blocks_text(entry: Entry) -> str:
    """``"6/6"``: valid blocks of the planned; empty where no report tells, and for a session by hand."""
    info, told = entry.info, entry.told
    return f"{told.valid}/{told.planned}" if info and told and not info.exploratory else ""


def answers_of(entry: Entry) -> tuple[Answer, ...]:
    """What came out: how each judged arm stands, or why there is no answer."""
    validity, info, told = validity_of(entry), entry.info, entry.told
    if validity is Validity.UNREADABLE:
        return (Answer(sentence=entry.problem, word=INVALID),)
    answers = told.answers if told else ()
    several = told is not None and len(told.points) > 1
    if validity is Validity.NOT_VALID:
        stands = several and any(each.word != INVALID for each in answers)  # what a run says of its other points
        return answers if stands else (NOT_VALID,)
    if info and info.cut:
        return (Answer(sentence=cut_words(entry)),)
    return (
        (NUMBERS_ONLY,) if several and answers and all(each.word == NUMBERS_ONLY.word for each in answers) else answers
    )


def cut_words(entry: Entry) -> str:
    """Why a run was cut; before that what to do where it cannot become valid any more, and going on is no help."""
    if entry.info is None:
        return ""
    cut = f"Cut: {entry.info.cut}"
    if not (entry.told and entry.told.is_lost):
        return cut
    try:
        run = entry.info.run_id if entry.place.endswith(BUNDLE) else entry.place or entry.info.run_id
        again = f", start again: `{again_command(entry.info.parsed_scenario, run)}`"
    except ScenarioError:  # of another version of the lab, which alone can run it: one line must not end the list
        again = ""
    return f"Cannot become valid any more{again}. {cut}"


def machine_words(info: RunInfo) -> str:
    """``"Example CPU, 2 cores, 8.0 GiB, overlay2"``."""
    parts = (known(info, "cpu_model"), cores_text(info), memory_text(info), known(info, "storage_driver"))
    return ", ".join(part for part in parts if part)


def scenarios_of(entries: Sequence[Entry]) -> list[str]:
    """The scenarios of which there are runs, in alphabetical order."""
    return sorted({entry.info.scenario_name for entry in entries if entry.info})

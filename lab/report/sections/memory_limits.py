"""How little memory is enough: the limits that a search tried, what held, and what gave way (METHOD 10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.analysis.limit_search import Bracket, Fate, Try
from lab.metric_types import Unit
from lab.report.content import Cell, Section, Table, section
from lab.report.parts.answers import quoted
from lab.report.parts.cells import UNKNOWN, cell, columns, words
from lab.units import format_bytes, format_ratio


def memory_limits_section(searched: Sequence[Bracket]) -> Section:
    """Empty for a run without a search."""
    tried = [one for one in searched if one.tries]
    return section(
        "memory-limits",
        "How little memory is enough",
        _table(tried),
        _tries(tried),
        sentences=tuple(text for one in searched for text in limit_sentences(one)),
        short="Memory limits",
    )


def limit_sentences(found: Bracket) -> Iterator[str]:
    """What holds, what does not, what gave way first, and what of the limit was never used."""
    yield f"{found.arm}, {found.mode}: {_bracket(found)}."
    if (failed := found.failure) is not None:
        yield f"In {format_bytes(failed.limit_bytes)} {quoted(found.arm)} was not well: {_fate(failed)}."
    if found.unused is not None and found.holds_bytes is not None:
        yield (
            f"Of the {format_bytes(found.holds_bytes)} that hold, {format_ratio(found.unused)} were never anonymous "
            "memory: room for files and the kernel, or unused."
        )


def limit_remark(searched: Sequence[Bracket], arms: Sequence[str]) -> str:
    """Between which limits those of these arms lie, of the searches in one mode."""
    return " ".join(f"{one.arm}: {_bracket(one)}." for arm in arms for one in searched if one.arm == arm)


def _bracket(found: Bracket) -> str:
    holds, fails = found.holds_bytes, found.fails_bytes
    if holds is not None and fails is not None:
        return f"holds in {format_bytes(holds)}, not in {format_bytes(fails)}; between is not known"
    if holds is not None:
        return f"holds in {format_bytes(holds)}, the smallest limit that was tried; how much less is not known"
    if fails is not None:
        return f"does not hold in {format_bytes(fails)}, the largest limit that was tried"
    return "not known: no trial under a limit says anything"


def _fate(one: Try) -> str:
    return f"{one.fate} ({one.detail})" if one.detail else str(one.fate)


def _table(tried: Sequence[Bracket]) -> Table:
    return Table(
        key="memory-limits",
        title="The smallest memory limit",
        columns=columns("arm", "limit", numeric=["holds in", "not in", "never used", "trials"]) + columns("gives way"),
        rows=tuple(
            (
                *words(one.arm, one.mode),
                cell(Unit.BYTES, one.holds_bytes),
                cell(Unit.BYTES, one.fails_bytes),
                cell(Unit.FRACTION, one.unused),
                Cell(str(len(one.tries)), len(one.tries)),
                Cell(str(one.failure.fate) if one.failure else UNKNOWN),
            )
            for one in tried
        ),
        note="For the whole arm, its front included; split: each container has its part. Never used: the part of the "
        "limit that anonymous memory did not take. Each limit had one trial of its own.",
    )


def _tries(tried: Sequence[Bracket]) -> Table:
    return Table(
        key="memory-limits-tried",
        title="Every limit that was tried",
        columns=columns("arm", "limit", numeric=["memory", "most used"]) + columns("what became of it", "more"),
        rows=tuple(
            (
                *words(one.arm, one.mode),
                cell(Unit.BYTES, one.limit_bytes),
                cell(Unit.BYTES, one.anon_bytes),
                *words(one.fate, one.detail or UNKNOWN),
            )
            for bracket in tried
            for one in bracket.tries
        ),
        note=f"In the order of the search. {Fate.UNKNOWN.capitalize()}: the trial does not tell the limit's fault from "
        "the machine's.",
        folded=True,
    )

"""The words of a report, one file a section: `python -m tests.snapshots` writes them again, a person reads the diff.

What only some kinds of run have is in a file for each page that shows it (tests/pages.py), beside them.

A line is a paragraph; one that an earlier run of the file has said is only hinted at (=). Tables are there by their
heads, their number of rows and notes: their cells have tests of their own.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from lab.analysis.comparison import compare_run
from lab.analysis.summary import summarise
from lab.record.types import Finding, TrialResult, TrialState
from lab.report.build import build_content
from lab.report.content import Content, Figure, Listing, Part, Section, Table
from lab.report.first_screen import Answer
from lab.report.sections.secured import tls_table
from lab.run.by_hand import by_hand
from tests.builders import (
    REPLICAS,
    WORKERS,
    WORKERS_NGINX,
    make_gate,
    make_run,
    make_scenario,
    make_trials,
    with_record,
    with_tables,
)
from tests.unit.test_verdict_sentences import CASES

FOLDER = Path(__file__).parent / "unit" / "snapshots"
LOAD = {"locustfile": "x.py", "rate": 100, "lanes": 8, "warmup": "5s", "measure": "4s"}
FIRST = "first-screen"
HINT = 40
NGINX = WORKERS_NGINX | {"control": True}
MEMORY = {"baseline": "workers", "primary": ["memory.pss.total"]}
NO_WORD = "(no word)"
PAGE = "page-"
OWN = ("sweep", "drills", "drill", "card", "capacity", "limits", "beside", "trend")
TLS_SEEN = {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "alpn": "http/1.1", "resumed": "yes"}


def content_of(blocks: int, *arms: Mapping[str, Any], load: Mapping[str, Any] = LOAD, **run: Any) -> Content:
    """The report of a run of so many blocks; ``spoiled`` changes its trials, ``facts`` its machine."""
    changes: dict[str, Any] = {"load": load, "trials": {"blocks": blocks, "seed": 7}}
    changes |= {key: run.pop(key) for key in ("compare",) if key in run}
    scenario = make_scenario(arms, **changes) if arms else make_scenario(**changes)
    scenario = by_hand(scenario) if run.get("exploratory") else scenario
    spoiled, facts = run.pop("spoiled", list), run.pop("facts", {})
    info = make_run(scenario, **run)
    info = replace(info, environment=replace(info.environment, facts={**info.environment.facts, **facts}))
    summary = summarise(info, spoiled(make_trials(scenario)))
    return build_content(info, summary, compare_run(summary))


def a_bad_run(trials: Iterator[TrialResult]) -> Iterator[TrialResult]:
    """One block invalid, one with caveats, unattributed requests, and the last trial never ran."""
    first, second, third, *others = trials
    nobody = second.tables.requests.with_columns(served_by=pl.lit(None, pl.String))
    yield with_record(first, gates=(make_gate("invalid"),))
    yield with_tables(second, requests=nobody)
    yield with_record(
        third,
        gates=(make_gate("caveat"),),
        findings=(Finding(key="steady.p50", value=0.09, limit=0.05),),
    )
    yield from others[:-1]


def all_invalid(trials: Iterator[TrialResult]) -> Iterator[TrialResult]:
    """No trial counts."""
    return (with_record(trial, gates=(make_gate("invalid"),)) for trial in trials)


def all_silent(trials: Iterator[TrialResult]) -> Iterator[TrialResult]:
    """No request was ever answered."""
    return (with_tables(trial, requests=trial.tables.requests.clear()) for trial in trials)


BAD = dict.fromkeys(make_run(make_scenario(trials={"blocks": 3, "seed": 7})).order[:-1], TrialState.DONE)
RUNS = {
    "eight good blocks": partial(content_of, 8),
    "three blocks, cut short, with caveats": partial(
        content_of, 3, spoiled=a_bad_run, cut="Ctrl-C", states=BAD, facts={"storage_driver": "fuse-overlayfs"}
    ),
    "eight good blocks, containers share no file pages": partial(
        content_of, 8, WORKERS, NGINX, REPLICAS, facts={"storage_driver": "fuse-overlayfs"}, compare=MEMORY
    ),
    "no valid block": partial(content_of, 1, spoiled=all_invalid),
    "no request answered": partial(content_of, 1, spoiled=all_silent),
    "nothing finished": partial(content_of, 1, spoiled=lambda _: (), cut="the image could not be had"),
    "one arm, closed model, plain processes": partial(
        content_of,
        1,
        REPLICAS,
        load={"locustfile": "x.py", "measure": "2s"},
        facts={
            "engine": "process",
            "engine_because": "no Docker",
            "app_python": "3.13",
            "storage_driver": None,
            "cpu_count": 16,
        },
    ),
    "by hand": partial(content_of, 1, WORKERS, REPLICAS, exploratory=True),
}


def texts() -> dict[str, str]:
    """The text of every file, by its name."""
    verdicts = [f"{name}: {_judged(made())}" for name, (made, _) in CASES.items()]
    found = {"verdicts.txt": ["", *verdicts]}
    for run, made in RUNS.items():
        content = made()
        for key, lines in ((FIRST, _screen(content)), *((s.key, _section(s)) for s in content.sections)):
            said = found.setdefault(f"{key}.txt", [])
            known = {*said}
            said += ["", f"# {run}", *(_hint(line) if line in known else line for line in lines if line)]
    common = {file.removesuffix(".txt") for file in found}
    for page, lines in _pages(common):
        said = found[f"{PAGE}{page}.txt"] = ["", f"# {page}"]
        for line in filter(None, lines):
            said.append(_hint(line) if line in said else line)
    return {name: "\n".join(lines[1:]) + "\n" for name, lines in found.items()}


def _pages(common: Container[str]) -> Iterator[tuple[str, Iterator[str]]]:
    """What a page shows of its own: its first screen, and the sections that no run above has."""
    from tests.pages import PAGES  # which shows some of those runs

    for name in OWN:
        content = PAGES[name]()
        own = (section for section in content.sections if section.key not in common)
        yield name, chain(_screen(content), *map(_section, own))
    yield "tls", _part(tls_table_of(TLS_SEEN))


def tls_table_of(seen: Mapping[str, str]) -> Table:
    """What is told of one arm over TLS."""
    scenario = make_scenario((WORKERS,), trials={"blocks": 1})
    (trial,) = make_trials(scenario)
    attestation = replace(trial.record.attestation, tls=seen)
    found = tls_table(summarise(make_run(scenario), [with_record(trial, attestation=attestation)]))
    assert found is not None
    return found


def _hint(line: str) -> str:
    return f"= {line[:HINT]}…" if len(line) > HINT else line


def _judged(answer: Answer) -> str:
    sentence, arrow, besides = answer.pieces
    return " ".join(filter(None, (sentence, arrow or f"→ {NO_WORD}", besides)))


def _screen(content: Content) -> Iterator[str]:
    if content.band:
        yield f"!! {content.band.title}{' (greyed)' if content.band.whole else ''}"
        yield from (f"!! {sentence}" for sentence in (*content.band.sentences, content.band.command))
    yield content.question
    yield " · ".join(content.facts)
    yield f"sections: {', '.join(section.key for section in content.sections)}"
    yield f"tab: {content.tab}"
    yield from (f"* {answer.sentence} ({answer.word})" for answer in content.lead.sentences)
    yield from (f"- {_judged(answer)}" for answer in content.answers)
    for title, groups in (("observed", content.lead.observed), ("control", content.lead.controls)):
        yield from (f"{title}: {group.about}: {' · '.join(group.sentences)}" for group in groups)
    yield f"Trust: {content.status}"
    for figure in content.figures:
        yield from _part(figure)
    for box in content.boxes:
        yield f"## {box.title} ({box.mood})"
        yield from (f"- {name}: {text}" for name, text in box.rows)
    yield from _part(content.headline)


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    yield from (f"! {group.about}: {caveat}" for group in section.caveats for caveat in group.sentences)
    yield from (f"(!) {group.about}: {caveat}" for group in section.asides for caveat in group.sentences)
    yield from section.sentences
    for part in section.shown:
        yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    yield f"### {part.title}"
    if isinstance(part, Figure):
        yield part.sentence
    elif not isinstance(part, Listing):
        yield f"{' | '.join(column.title for column in part.shown.columns)} ({len(part.rows)} rows)"
        yield part.note


def main() -> None:
    """Write the files again; those of sections that are gone go."""
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    for name, text in texts().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()

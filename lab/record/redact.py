"""HUB: a run folder shows no secret, and no text without end.

Free texts of records, string columns of tables and logs go through a redactor; those of records are cut to a length.
Names of trials, arms and services, which the lab looks up again, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from lab.record.schema import FREE_TEXT
from lab.record.types import Environment, Evidence, RunInfo, ServiceRecord, TrialRecord
from lab.scenario.secret import Redactor, each_text

# What other programs named.
FREE_EVIDENCE = ("servers", "homes", "upstreams", "strangers", "neighbours", "ignored_header")
BINARY = (".parquet", ".bin")
MAX_FILE = 100_000  # of a configuration file
MAX_TEXT = 4000  # of a sentence or a word in a record: an image can tell a version of a megabyte


def masked_info(info: RunInfo, redact: Redactor) -> RunInfo:
    """run.json with its free texts masked: the question, why it was cut, what expectations are called."""
    scenario = dict(info.scenario)
    if "question" in scenario:
        scenario["question"] = redact(scenario["question"])
    if "expect" in scenario:
        scenario["expect"] = [dict(entry) | {"name": redact(entry["name"])} for entry in scenario["expect"]]
    environment = Environment(facts={key: each_text(part, _clean) for key, part in info.environment.facts.items()})
    return replace(
        info,
        scenario=scenario,
        scenario_name=_clean(info.scenario_name),
        environment=environment,
        images={key: {name: _clean(text) for name, text in image.items()} for key, image in info.images.items()},
        cut=_clean(redact(info.cut)),
        lost={trial: replace(each, why=_clean(redact(each.why))) for trial, each in info.lost.items()},
    )


def masked_record(record: TrialRecord, redact: Redactor) -> TrialRecord:
    """A record with commands and what servers called themselves masked."""

    def free(text: str) -> str:
        return _clean(redact(text))

    seen = asdict(record.attestation)
    evidence = {key: redact.tree(part) if key in FREE_EVIDENCE else part for key, part in seen.items()}
    return replace(
        record,
        services=tuple(_clean_service(service, free) for service in record.services),
        attestation=Evidence(**{key: each_text(part, _clean) for key, part in evidence.items()}),
        shared_files=record.shared_files and {_clean(name): size for name, size in record.shared_files.items()},
        load=replace(
            record.load,
            exceptions={free(place): count for place, count in record.load.exceptions.items()},
            last_words=free(record.load.last_words),
        ),
        findings=tuple(replace(finding, subject=free(finding.subject)) for finding in record.findings),
    )


def _clean_service(service: ServiceRecord, free: Callable[[str], str]) -> ServiceRecord:
    files = {path: _clean(text, MAX_FILE) for path, text in service.files.items()}
    return replace(service, argv=tuple(map(free, service.argv)), image=_clean(service.image), files=files)


def _clean(text: str, limit: int = MAX_TEXT) -> str:
    """Of bounded length, and without halves of characters, which no JSON holds: names of processes can have them."""
    whole = text.encode(errors="replace").decode()
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"


def mask_tables(folder: Path, redact: Redactor) -> None:
    """Rewrite the tables that hold a known value; one that holds none is not touched. Raises OSError."""
    for name, columns in FREE_TEXT.items():
        path = folder / f"{name}.parquet"
        if not redact.words or not path.is_file():
            continue
        masks: dict[str, Any] = {column: dict(_changed(path, column, redact)) for column in columns}
        if any(masks.values()):
            draft = folder / f".{name}.masked"
            replaced = [pl.col(column).replace(mask) for column, mask in masks.items() if mask]
            pl.scan_parquet(path, glob=False).with_columns(replaced).sink_parquet(draft)
            draft.replace(path)


def _changed(path: Path, column: str, redact: Redactor) -> Iterator[tuple[str, str]]:
    """Every different text of a column that is not the same when masked. Texts there are cut to a length."""
    texts = pl.scan_parquet(path, glob=False).select(pl.col(column).drop_nulls().unique()).collect()
    for (text,) in texts.iter_rows():
        if (masked := redact.cut(text)) != text:
            yield text, masked


def mask_files(folder: Path, redact: Redactor) -> None:
    """Rewrite the text files below a folder that hold a known value or a password in a URL. Raises OSError."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix not in BINARY:
            _mask_file(path, redact)


def _mask_file(path: Path, redact: Redactor) -> None:
    """Line by line, so that a log may be larger than memory."""
    draft = path.with_name(f".{path.name}.masked")
    differs = False
    with path.open("rb") as source, draft.open("xb") as target:
        for line in source:
            text = line.decode(errors="surrogateescape")
            masked = redact(text)
            differs |= masked != text
            target.write(masked.encode(errors="surrogateescape"))
    if differs:
        draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    else:
        draft.unlink()

"""Run folders to which something happened: cut, changed, swapped, linked, retyped."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st

from lab.analysis.comparison import compare_run, floors_of
from lab.analysis.summary import RunSummary, summarise
from lab.errors import RunFolderError, ScenarioError
from lab.record.folder import read_info, read_intact, read_trials
from lab.record.manifest import NAME as MANIFEST
from lab.record.manifest import manifest
from lab.record.schema import KEPT
from lab.record.types import POLARS, SCHEMA_VERSION
from lab.report.build import build_content
from lab.report.renderers.html_page import render_html
from lab.report.renderers.json_document import comparison_document
from lab.report.renderers.markdown import render_markdown
from lab.report.renderers.terminal import render_terminal
from tests.builders import REPLICAS, WORKERS, make_scenario
from tests.hostile.texts import places, plain, refused, short_texts
from tests.run_folders import folder_of_the_session, write_run

TRIALS = ("b01-workers", "b01-replicas", "b02-workers", "b02-replicas")
TRIAL_FILES = ("record.json", MANIFEST, *(f"{name}.parquet" for name in KEPT))


@dataclass(frozen=True)
class Damage:
    """One thing that happened to a run folder. ``silent``: it was made to look right, checksums and all."""

    name: str
    apply: Callable[[Path], None]
    silent: bool = False

    def __repr__(self) -> str:
        return self.name


@cache
def sound_folder() -> tuple[Path, Mapping[Any, Any]]:
    """A finished run of two arms and two blocks, made once, and the value of every metric in it."""
    root = folder_of_the_session("lab-hostile-")
    load = {"locustfile": "x.py", "rate": 60, "lanes": 4, "warmup": "1s", "measure": "2s"}
    scenario = make_scenario((WORKERS, REPLICAS), load=load)
    path = write_run(scenario, root)
    return path, values_of(concluded(path, intact=False))


def concluded(path: Path, *, intact: bool, rendered: bool = False) -> RunSummary:
    """What `lab report` does: without the pages, which take long, or with them."""
    run = read_intact(path) if intact else read_info(path)
    summary = summarise(run, read_trials(path, run))
    comparison = compare_run(summary, floors_of(run))
    json.dumps(comparison_document(run, summary, comparison), allow_nan=False)
    if rendered:
        content = build_content(run, summary, comparison)
        assert render_html(content)
        assert render_markdown(content)
        assert render_terminal(content)
    return summary


def values_of(summary: RunSummary) -> Mapping[Any, Any]:
    """(arm, metric, block) → value."""
    return {
        (arm, key, block): value
        for (arm, key), metric in summary.metrics.items()
        for block, value in metric.values.items()
    }


@st.composite
def damages(draw: st.DrawFn) -> Damage:
    """Everything that can happen to one file or folder of a run."""
    trial, name = draw(st.sampled_from(TRIALS)), draw(st.sampled_from(TRIAL_FILES))
    file = f"trials/{trial}/{name}"
    other = draw(st.sampled_from([each for each in TRIALS if each != trial]))
    kind = draw(st.sampled_from(["cut", "flip", "remove", "special", "swap", "json", "json", "cells", "columns"]))
    if kind == "cut":
        part = draw(st.floats(0, 1, exclude_max=True))
        return Damage(f"cut {file} to {part}", lambda run: _rewrite(run / file, lambda b: b[: int(part * len(b))]))
    if kind == "flip":
        at, bit = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(0, 7))
        return Damage(
            f"flip bit {bit} at {at} of {file}", lambda run: _rewrite(run / file, lambda b: _flipped(b, at, bit))
        )
    if kind == "remove":
        place = draw(st.sampled_from([file, f"trials/{trial}", "trials", "run.json"]))
        return Damage(f"remove {place}", lambda run: _remove(run / place))
    if kind == "special":
        place = draw(st.sampled_from([file, f"trials/{trial}", "run.json"]))
        special = draw(st.sampled_from(["link", "pipe", "folder", "loop"]))
        return Damage(f"{special} at {place}", lambda run: _make_special(run / place, special))
    if kind == "swap":
        what = draw(st.sampled_from(["", *TRIAL_FILES]))
        both = draw(st.booleans())
        return Damage(
            f"{'swap' if both else 'copy'} {trial}/{what} {other}", lambda run: _swap(run, trial, other, what, both)
        )
    if kind == "json":
        return draw(_json_damages())
    table = draw(st.sampled_from(sorted(KEPT)))
    if kind == "columns":
        return draw(_column_damages(trial, table))
    return draw(_cell_damages(trial, table))


@st.composite
def _json_damages(draw: st.DrawFn) -> Damage:
    place = draw(st.sampled_from(["run.json", *(f"trials/{trial}/record.json" for trial in TRIALS)]))
    document = json.loads((sound_folder()[0] / place).read_text())
    found = list(places(document))
    holder, key = found[draw(st.integers(0, len(found) - 1))]
    holder[key] = draw(st.one_of(plain, st.just(SCHEMA_VERSION + 1)))

    def apply(run: Path) -> None:
        (run / place).write_text(json.dumps(document), encoding="utf-8", errors="surrogatepass")
        _renew_manifest((run / place).parent)

    return Damage(f"{place}: {key} = {str(holder[key])[:60]!r}", apply, silent=True)


@st.composite
def _column_damages(draw: st.DrawFn, trial: str, table: str) -> Damage:
    column = draw(st.sampled_from(list(POLARS[table])))
    change = draw(
        st.sampled_from(
            [
                lambda frame: frame.drop(column),
                lambda frame: frame.rename({column: "other"}),
                lambda frame: frame.with_columns(pl.lit("x").alias(column)),
                lambda frame: frame.with_columns(pl.lit(None).alias(column)),
                lambda frame: frame.with_columns(pl.lit(1).alias("extra")),
                lambda frame: frame.select(reversed(frame.columns)),
                lambda frame: frame.clear(),
            ]
        )
    )
    return Damage(
        f"columns of {trial}/{table}, {column}", lambda run: _change_table(run, trial, table, change), silent=True
    )


@st.composite
def _cell_damages(draw: st.DrawFn, trial: str, table: str) -> Damage:
    column = draw(st.sampled_from(list(POLARS[table])))
    kind = POLARS[table][column]
    values: st.SearchStrategy[Any] = short_texts.map(lambda text: text.encode(errors="replace").decode())
    if kind.is_float():
        values = st.one_of(st.floats(), st.sampled_from([1e300, -1e300, 1e12, -1.0]))
    elif kind.is_integer():
        bits = 32 if kind == pl.Int32 else 64
        values = st.one_of(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1), st.integers(-2, 2))
    value = draw(st.one_of(st.none(), values))
    everywhere = draw(st.booleans())

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        new = pl.lit(value, dtype=kind)
        hit = pl.lit(True) if everywhere else pl.int_range(pl.len()) == frame.height // 2
        return frame.with_columns(pl.when(hit).then(new).otherwise(pl.col(column)).alias(column))

    where = f"{trial}/{table}.{column} = {value!r}{' everywhere' if everywhere else ''}"
    return Damage(where, lambda run: _change_table(run, trial, table, change), silent=True)


def _rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def _flipped(data: bytes, at: float, bit: int) -> bytes:
    place = int(at * len(data))
    return data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :] if data else data


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _make_special(path: Path, special: str) -> None:
    outside = path.parents[2] / "outside" if path.name != "run.json" else path.with_name("outside")
    (shutil.copytree if path.is_dir() else shutil.copy)(path, outside)
    _remove(path)
    if special == "link":
        path.symlink_to(outside)
    elif special == "loop":
        path.symlink_to(path.name)
    elif special == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()


def _swap(run: Path, one: str, other: str, what: str, both: bool) -> None:
    a, b, spare = run / "trials" / one / what, run / "trials" / other / what, run / "spare"
    a.rename(spare)
    (shutil.copytree if b.is_dir() else shutil.copy)(b, a)
    if both:
        _remove(b)
        spare.rename(b)


def _change_table(run: Path, trial: str, table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    path = run / "trials" / trial / f"{table}.parquet"
    change(pl.read_parquet(path)).write_parquet(path)
    _renew_manifest(path.parent)


def _renew_manifest(folder: Path) -> None:
    """As somebody would who wants his change to look right."""
    if (folder / MANIFEST).is_file():
        run_id = sound_folder()[0].name
        names = [name for name in TRIAL_FILES if name != MANIFEST]
        (folder / MANIFEST).write_text(manifest(folder, names, run_id, folder.name))


@contextmanager
def damaged(damage: Damage) -> Iterator[Path]:
    """A copy of the sound folder to which it happened."""
    with tempfile.TemporaryDirectory(prefix="lab-hostile-") as place:
        path = Path(place) / sound_folder()[0].name
        shutil.copytree(sound_folder()[0], path)
        damage.apply(path)
        yield path


def folder_is_read_or_refused(damage: Damage, *, rendered: bool = False) -> None:
    """No traceback, no hang, and no number but the right one: of what is intact, and of nothing else."""
    right = sound_folder()[1]
    with damaged(damage) as path:
        for intact in (False, True):
            try:
                summary = concluded(path, intact=intact, rendered=rendered)
            except (RunFolderError, ScenarioError) as error:
                refused(error, 2)
                continue
            if not damage.silent:
                found = values_of(summary)
                assert found.items() <= right.items()
                assert intact or found == right

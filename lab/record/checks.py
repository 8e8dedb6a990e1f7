"""Could a run have written this? What fields of a record say together, and what a table may hold. Pure.

Every number in a report comes through here: what a lab cannot have measured is refused with a phrase, never computed.
"""

import re
from collections.abc import Iterator
from functools import cache

import polars as pl
from pydantic import ValidationError

from lab.plan.points import TRIAL_ID, trial_id
from lab.record.columns import Column
from lab.record.schema import KEPT, TABLES, Phase
from lab.record.types import RunInfo, TrialRecord, TrialTables

NAME = re.compile(TRIAL_ID, re.ASCII)
MAX_TRIALS = 100_000
MAX_TEXT_BYTES = 4096  # of a cell; recorder and sampler cut their texts far below


def run_problem(run: RunInfo) -> str:
    """Tell what is wrong with a run.json, as a phrase that opens with the key; "" when nothing is."""
    if wrong := [trial for trial in run.order if NAME.fullmatch(trial) is None]:
        return f"order: {wrong[0][:80]!r} is no name of a trial"
    if len(set(run.order)) < len(run.order) or len(run.order) > MAX_TRIALS:
        return "order: a trial is in it twice, or it is endless"
    for key, told in (("states", run.states), ("lost", run.lost)):
        if stray := sorted(set(told) - set(run.order)):
            return f"{key}: {stray[0][:80]!r} is not in the order"
    try:
        run.environment.known  # noqa: B018  a property that may raise
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        return f"environment.facts.{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return ""


def record_problem(record: TrialRecord) -> str:
    """Tell what is wrong with a record.json, as a phrase that opens with the key; "" when nothing is."""
    return next(_record_problems(record), "")


def _record_problems(record: TrialRecord) -> Iterator[str]:
    if record.trial_id != trial_id(record.block, record.point.key, record.arm):
        where = f" at {record.point.key!r}" if record.point.key else ""
        yield f"trial_id: {record.trial_id!r} is not block {record.block} of arm {record.arm!r}{where}"
    for phase, window in record.phases.items():
        if window.start_s > window.end_s:
            yield f"phases.{phase}: from {window.start_s} to {window.end_s} is no interval"
    if Phase.MEASURE not in record.phases:
        yield "phases: measure is missing"
    elif not record.measure.length_s > 0:
        yield "phases.measure: it has no length"


def table_problem(tables: TrialTables) -> str:
    """Tell what is wrong with the rows of a trial, as a phrase that opens with file and column; "" when nothing is."""
    queries = [getattr(tables, name).lazy().select(_broken(name)) for name in KEPT]
    for name, found in zip(KEPT, pl.collect_all(queries), strict=True):
        if wrong := [phrase for phrase, bad in zip(found.columns, found.row(0), strict=True) if bad]:
            return f"{name}.parquet: {wrong[0]}"
    return ""


@cache
def _broken(table: str) -> tuple[pl.Expr, ...]:
    """By phrase, whether a row breaks the rule: the same expressions for every trial."""
    return tuple(~expression.all().alias(phrase) for phrase, expression in dict(_table_checks(table)).items())


def _table_checks(table: str) -> Iterator[tuple[str, pl.Expr]]:
    """Phrase and expression that holds for every row; nulls are passed over but where none may be."""
    for column in TABLES[table]:
        yield from _column_checks(column)
    if table == "requests":
        yield "t_done_s: before t_sent_s", pl.col("t_done_s") >= pl.col("t_sent_s")


def _column_checks(column: Column) -> Iterator[tuple[str, pl.Expr]]:
    values = pl.col(column.name)
    if not column.null:
        yield f"{column.name}: a row has none", values.is_not_null()
    if column.least is not None and column.most is not None:
        what = "no count" if column.least >= -1 else "no instant of a trial"
        yield f"{column.name}: {what}", values.is_between(column.least, column.most)
    if column.words:
        yield f"{column.name}: unknown", values.is_in(column.words)
    elif column.type == "String":
        yield f"{column.name}: a text without end", values.str.len_bytes() <= MAX_TEXT_BYTES

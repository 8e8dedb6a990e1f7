"""Write docs/reference.md from the code: commands, scenarios, metrics, gates, tables. ``python docs/generate.py``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import typer.main
from meanings import MEANINGS, TABLES
from parts import ROW_MEANS, columns, linked, numbers, scenarios
from pydantic import TypeAdapter

from lab.analysis.findings import FINDINGS
from lab.analysis.gates import GATES, Gate
from lab.cli import app
from lab.cli.metrics import least
from lab.metric_types import JUDGE_BEYOND, PRINT_BEYOND, Family
from lab.metrics import CATALOGUE
from lab.plan.models.model import ProcessModel
from lab.report.parts.cells import quantity
from lab.report.parts.effects import bound_text
from lab.run.frames import METRICS_COLUMNS, WHICH
from lab.scenario.file import json_schema
from lab.scenario.kinds import FRONTS, MODELS

TARGET = Path(__file__).parent / "reference.md"
HEAD = """# Reference

Made from the code by `python docs/generate.py`; a test keeps it in step.
"""
RUN_FOLDER = """A run folder is never overwritten, and a trial appears in it whole or not at all. Seconds, bytes and
cumulative counters are stored; rates and percent exist only in reports. Instants (`t_s`, `t_…_s`) count from the start
of the trial.

| file | what it holds |
| --- | --- |
| `report.html` | the report, one file, works without a network |
| `report.md`, `figures/` | the same for GitHub, with SVG figures |
| `comparison.json` | the same for programs; `lab schema --comparison` prints its JSON Schema |
| `tables/` | every table of the report as CSV |
| `run.json` | resolved scenario, plan, seed, machine, versions, image digests, state of each trial |
| `trials/b01-replicas/record.json` | phases, attestation, gates, counters of one trial |
| `trials/b01-replicas/*.parquet` | the raw rows, below |
| `trials/b01-replicas/*.log` | what Locust and the containers printed |
| `trials/b01-replicas/steps.jsonl` | when each step of the trial began |
| `trials/b01-replicas/SHA256SUMS` | of all files of the trial, so that damage is noticed |
"""
DURATION = {"string", "number"}  # what a duration may be in the schema
COMPLETION = """Run `lab --install-completion` once and open a new shell: from then on the Tab key completes commands,
options, the names of scenarios and those of your runs. `-h` and `--help` stand behind every command, too.
"""
EXPECTATIONS = """An expectation is the reader's own condition on metrics of one or several arms:

```toml
[[expect]]
that = "p99(workers) <= 1.1 * p99(replicas)"

[[expect]]
name = "memory that is saved"
that = "memory.pss.total(replicas) - memory.pss.total(workers) < 200MiB"
```

- A metric is read as `metric(arm)`; a number has the metric's kind of unit: `5ms`, `2s`, `200MiB`, `300/s`, `5%`.
- `+ - * /` and brackets relate values; `< <= > >=` compare them; `== !=` are for counts: every block must agree.
- `errors(arm)` counts failed requests; beside a percentage it is their share of all: `errors(workers) <= 0.1%`.
- `sweep.slo`, `capacity.slo` and `limits.slo` are the same conditions without an arm, joined by `and`.
- Between limits of memory alone (`memory.limit.…`) the numbers are compared as they are: a search has one block.
- Names and units are checked before anything starts. A wrong one is an error with the nearest valid name.
- The outcome rests on the 95% interval over the valid blocks: **holds**, **violated** (exit code 1), or **undecided**
  where the interval lies on both sides, blocks are too few, more of them are invalid for it than may be replaced, or a
  percentile has fewer than 30 requests beyond it (exit code 0; with `--strict` 1, or 3 if blocks are invalid for it
  and enough were planned).
- The sentence gives medians over the blocks, as the tables do, and what they are *judged as*: the Hodges–Lehmann
  estimate that belongs to the interval. Of two measured sides that is the difference paired within blocks, which may
  differ from that of their medians.
"""
EXITS: Sequence[tuple[int, str]] = (
    (0, "done"),
    (
        1,
        "an expectation is violated (with `--strict`: or undecided, but for code 3), "
        "an arm answered no request at all in some valid block, "
        "or it cannot run at a point of a sweep that expects something (with `--strict`: of any); also if another "
        "point of the run, or another part of a study, is not valid",
    ),
    (2, "wrong usage, scenario or run folder"),
    (
        3,
        "the run is invalid: a gate failed, or an arm did not start, died, or is not what it "
        "claims to be (with `--strict`: or an expectation "
        "is undecided because blocks are invalid for it, and nothing is violated)",
    ),
    (4, "something that is needed is missing: Docker, an image, room on the disk"),
    (
        130,
        "interrupted; finished trials are kept: `lab run --resume RUN` continues, `lab limits --resume RUN` a search",
    ),
)


def reference() -> str:
    """The whole document."""
    parts = [
        HEAD,
        *("## Commands\n", *_commands()),
        "## Exit codes\n",
        _table(("code", "meaning"), [(str(code), meaning) for code, meaning in EXITS]),
        "## Scenario\n",
        "TOML, strict: an unknown key is an error. Paths are relative to the file. `lab schema` prints the schema.\n",
        *_scenario(),
        *_kinds(),
        "### What looks after a serving process\n",
        "With the defaults of each server, which the lab does not change.\n",
        _table(
            ("model", "when it dies", "when it hangs"),
            [(f"`{kind}`", model.supervision.dies, model.supervision.hangs) for kind, model in _models().items()],
        ),
        "## Scenarios that come with it\n",
        _table(("file", "question", "arms", "N", "load", "judged", "blocks", "takes"), scenarios()),
        "## Expectations\n",
        EXPECTATIONS,
        "## Metrics\n",
        "Bound: inside it two arms are practically equivalent; `compare.bounds` replaces it. Least count: how many "
        f"requests of a trial a percentile takes to be shown ({PRINT_BEYOND} lie beyond it), and to be judged "
        f"({JUDGE_BEYOND}).\n",
        _metrics(),
        "## Gates\n",
        "A gate is a check of instrument and machine, whatever the arm did. A trial that fails one is invalid for the "
        "metrics that it spoils, and takes its block out for all arms.\n",
        _gates(),
        "## Findings\n",
        "A finding is the arm's own doing; it is reported when it exceeds the limit, and makes nothing invalid.\n",
        _findings(),
        "## Numbers of the method\n",
        "[The method](method.md) says what they are for, and where they come from.\n",
        _table(("what", "value"), numbers()),
        "## Run folder\n",
        RUN_FOLDER,
        *_tables(),
        "### In a notebook\n",
        "`load_run` reads these tables as polars frames, each with `trial`, `block` and `arm` in front, and `metrics`, "
        "one row a trial and metric ([how to](howto/notebook.md)).\n",
        *(
            _table((title, "type", "meaning"), [(f"`{name}`", str(kind), said) for name, (kind, said) in told.items()])
            for title, told in (("column of all frames", WHICH), ("column of `metrics`", METRICS_COLUMNS))
        ),
    ]
    return "\n".join(parts)


def _commands() -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    yield "### Common options\n"
    context = group.context_class(group, info_name="lab", **group.context_settings)
    yield _options(group.get_params(context))
    yield COMPLETION
    for name, command in group.commands.items():
        arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
        usage = " ".join(_argument(argument) for argument in arguments)
        yield f"### `{f'lab {name} {usage}'.strip()}`\n"
        yield f"{command.help}\n"
        options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
        if options:
            yield _options(options)


def _options(options: Sequence[Any]) -> str:
    names = (", ".join((*sorted(option.opts), *option.secondary_opts)) for option in options)
    told = (option.help or "" for option in options)
    return _table(("option", "meaning"), [(f"`{name}`", text) for name, text in zip(names, told, strict=True)])


def _argument(argument: Any) -> str:
    return argument.name.upper() if argument.required else f"[{argument.name.upper()}]"


def _scenario() -> Iterator[str]:
    schema = json_schema()
    plain = {key: entry for key, entry in schema["properties"].items() if _table_of(entry, schema) is None}
    yield "### Top of the file\n"
    yield _keys("", plain, schema["required"])
    for key, entry in schema["properties"].items():
        if (table := _table_of(entry, schema)) is not None:
            heading = f"[[{key}]]" if entry.get("type") == "array" else f"[{key}]"
            yield f"### `{heading}`\n"
            yield f"{TABLES[key]}\n"
            yield _keys(key, table["properties"], table.get("required", ()))


def _table_of(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What describes the table, or each of several tables, of a key; None for a key with a plain value."""
    described_by = entry.get("items") or entry.get("anyOf", [entry])[0]  # of a table that may be left out, the table
    reference_to = described_by.get("$ref")
    if reference_to:
        described: Mapping[str, Any] = schema["$defs"][reference_to.rpartition("/")[2]]
        return described
    return entry if "properties" in entry else None


def _front_of(dotted: str) -> str:
    """What the key of an image means, from the front that declares it. Raises KeyError for any other key."""
    fronts = {f"images.{front.image.key}": kind for kind, front in FRONTS.items() if front.image is not None}
    return f"Runs the front `{fronts[dotted]}`."


def _models() -> Mapping[str, ProcessModel[Any]]:
    return cast(Mapping[str, ProcessModel[Any]], MODELS)


def _kinds() -> Iterator[str]:
    """Every process model and front with its options, as it declares them."""
    for title, kinds in (("Process models", MODELS), ("Fronts", FRONTS)):
        yield f"### {title}\n"
        rows = []
        for kind, declared in kinds.items():
            described = TypeAdapter(declared.options).json_schema()
            rows.append((f"`{kind}`", "", "", described["description"]))
            options = {key: entry for key, entry in described["properties"].items() if key != "kind"}
            rows += [(f"`{kind}`", f"`{key}`: {_values(entry)}", _default(entry), "") for key, entry in options.items()]
        yield _table(("kind", "option", "default", "meaning"), rows)


def _keys(table: str, properties: Mapping[str, Any], required: Sequence[str]) -> str:
    rows = []
    for key, entry in properties.items():
        dotted = f"{table}.{key}" if table else key
        default = "**required**" if key in required else _default(entry)
        rows.append((f"`{dotted}`", _values(entry), default, MEANINGS.get(dotted) or _front_of(dotted)))
    return _table(("key", "value", "default", "meaning"), rows)


def _values(entry: Mapping[str, Any]) -> str:
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"] if value)  # "": as if the key were left out
    if "const" in entry:
        return f"`{entry['const']}`"
    kinds = [
        option.get("format", option.get("type", "table" if "anyOf" in entry else ""))
        for option in entry.get("anyOf", [entry])
    ]
    if set(kinds) == DURATION:
        return "duration, as in `10s`"
    return " or ".join(kind for kind in dict.fromkeys(kinds) if kind != "null")


def _default(entry: Mapping[str, Any]) -> str:
    default = entry.get("default")
    if default in (None, "", [], ()):
        return ""
    if len(entry.get("anyOf", ())) == len(DURATION) and isinstance(default, float):
        return f"`{default:g}s`"
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default)}`"


def _metrics() -> str:
    rows = [
        (
            f"`{metric.key}`",
            metric.unit.value,
            metric.better.value,
            "" if metric.bound is None else bound_text(metric, metric.bound),
            least(metric),
            metric.definition,
        )
        for metric in CATALOGUE
    ]
    return _table(("metric", "unit", "better", "bound", "least count", "definition"), rows)


def _gates() -> str:
    return _table(
        ("gate", "what", "caveat / invalid", "spoils", "source"),
        [(f"`{gate.key}`", gate.title, _limits(gate), _spoils(gate), linked(gate.source)) for gate in GATES.values()],
    )


def _spoils(gate: Gate) -> str:
    return ", ".join(family.value for family in Family if family in gate.spoils)


def _findings() -> str:
    return _table(
        ("finding", "what", "limit", "source"),
        [
            (f"`{kind.key}`", kind.title, quantity(kind.unit, kind.limit), linked(kind.source))
            for kind in FINDINGS.values()
        ],
    )


def _limits(gate: Gate) -> str:
    beyond = "<" if gate.floor else ">"
    limits = (gate.caveat, gate.invalid)
    return " / ".join("–" if limit is None else f"{beyond} {quantity(gate.unit, limit)}" for limit in limits)


def _tables() -> Iterator[str]:
    for table, meaning in ROW_MEANS.items():
        yield f"### `{table}.parquet`\n"
        yield f"Each row is {meaning[0].lower()}{meaning[1:]}\n"
        yield _table(("column", "type", "unit", "meaning"), columns(table))


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(map(_in_a_row, line)) + " |" for line in lines) + "\n"


def _in_a_row(cell: str) -> str:
    """On one line, and without the doubled backticks of docstrings."""
    return " ".join(cell.split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")

"""The documentation names everything there is, agrees with the code, and builds into a site without a broken link."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.analysis.blocks import replacements_allowed
from lab.analysis.gates.limits import FOREIGN
from lab.analysis.judge.eligibility import STEADY_DRIFT
from lab.analysis.judge.failures import FAILURE_MARGIN
from lab.analysis.judge.levels import FAMILY_ERROR, nominal_error, verdict_blocks
from lab.cli import app
from lab.cli.verbs import VERBS, command_of
from lab.metric_types import JUDGE_BEYOND, PRINT_BEYOND
from lab.metrics import METRICS
from lab.plan.loading import LEAST_WARMUP_S, MAX_WARMUP_S, MIN_WARMUP_REQUESTS, measure_for, queue_limit
from lab.plan.models.model import GRACEFUL_SHUTDOWN_S, KEEP_ALIVE_S
from lab.report.parts.judged import REFUSALS
from lab.report.sections.words import GLOSSARY
from lab.sampling.grid import FASTEST_S, LEAST_BUDGET, LOOKS_ENOUGH, LOOKS_FLOOR, MOST_BUDGET, SLOWEST_S, TICK_S
from lab.scenario.file import json_schema, read_scenario
from lab.scenario.kinds import FRONTS
from lab.scenario.load import Load
from lab.scenario.trials import Trials

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))))
STATED = {  # what a page says in words, made from the constants that decide it
    "method.md": (
        f"two seconds' worth of arrivals, and at least {queue_limit(0.1)}",
        f"at most {replacements_allowed(10)} of 10 blocks are replaced",
        f"cgroups at {1 / TICK_S:g} Hz",
        f"{LOOKS_ENOUGH} times in a measure phase of {LOOKS_ENOUGH * FASTEST_S:g} to {LOOKS_ENOUGH * SLOWEST_S:g} s",
        f"every {SLOWEST_S:g} s in a longer one",
        f"{LOOKS_FLOOR} looks in as long a time as the measure phase",
        f"{LEAST_BUDGET * 100:g}% of a core for 8 processes, {MOST_BUDGET * 100:g}% from 16 on",
        f"kept-alive connections for {KEEP_ALIVE_S} s, graceful shutdown within {GRACEFUL_SHUTDOWN_S} s",
        f"{Trials().blocks} by default; {verdict_blocks(1)} is the least for a verdict",
        f"{verdict_blocks(2)} for two, {verdict_blocks(4)} for four",
        f"an error of {nominal_error(FAMILY_ERROR, (8, 12, 16, 20)):.4f} for each of four looks",
        f"above {FAILURE_MARGIN * 100:g} points",
        f"serving process {MIN_WARMUP_REQUESTS} requests, up to {MAX_WARMUP_S:g} s. Less than {LEAST_WARMUP_S:g} s",
        f"drifts by more than {STEADY_DRIFT * 100:g}%",
        f"{PRINT_BEYOND} to be shown, {JUDGE_BEYOND} to be judged",
        f"p95 is judged from {20 * JUDGE_BEYOND} requests a trial, p99 from {100 * JUDGE_BEYOND:,}",
        f"each interval is at 1 − {FAMILY_ERROR:g}/m",
    ),
    "inconclusive.md": tuple(REFUSALS.values()),
    "tutorial.md": (f"two judged intervals need {verdict_blocks(2)}",),
    "reading_the_report.md": (
        f"fewer than {verdict_blocks(1)} valid ones",
        f"more than {replacements_allowed(10)} of 10 are invalid",
        f"fewer than {PRINT_BEYOND} requests lie beyond",
    ),
    "howto/continuous_integration.md": (
        f"more than {FOREIGN.invalid or 0:.0%} of foreign CPU",
        f"needs {verdict_blocks(1)} valid blocks",
        f"p95 is judged from {20 * JUDGE_BEYOND} requests in every trial, a p99 from {100 * JUDGE_BEYOND:,}",
    ),
}
LADDER = {f"capacity.{key}" for key in ("slo", "rates", "settle", "measure", "drain", "beyond", "quick")}  # or a sweep
OF_SWARM = {"drills.update", "drills.node", "swarm.endpoint_mode", "swarm.front"}  # the example runs without one
SEARCH = {f"limits.{key}" for key in ("modes", "slo", "measure")}  # or either
BUILT_SIDECAR = {"sidecars.build", "sidecars.dockerfile"}  # the example has an image, which excludes them


def scenario_keys() -> Iterator[str]:
    """Every key of a scenario file as ``table.key``, from the schema that validates it."""
    schema = json_schema()
    for key, entry in schema["properties"].items():
        name = (entry.get("items") or entry.get("anyOf", [entry])[0]).get("$ref")
        table = schema["$defs"][name.rpartition("/")[2]] if name else entry
        yield from (f"{key}.{inner}" for inner in table["properties"]) if "properties" in table else (key,)


def keys_of(document: Mapping[str, Any]) -> Iterator[str]:
    """Every key that a scenario file uses, as ``scenario_keys`` writes them."""
    for key, value in document.items():
        tables = value if isinstance(value, list) else [value]
        if isinstance(tables[0], dict):
            yield from (f"{key}.{inner}" for table in tables for inner in table)
        else:
            yield key


@pytest.mark.parametrize("name", [*(f"`{key}`" for key in METRICS), *(f"`{key}`" for key in scenario_keys())])
def test_every_metric_and_every_scenario_key_is_documented(name: str) -> None:
    """As a word of its own, between backticks."""
    assert name in DOCUMENTS


def test_the_example_of_a_scenario_has_every_key_and_is_valid(tmp_path: Path) -> None:
    """docs/scenario_file.md shows all but the images of fronts; what excludes another key is only named."""
    text = (DOCS / "scenario_file.md").read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    for name in ("Dockerfile", "scenarios/requirements.txt", "scenarios/locustfile.py", "scenarios/example.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text if name.endswith("toml") else "")

    assert read_scenario(tmp_path / "scenarios" / "example.toml").question == "…"
    of_fronts = {f"images.{front.image.key}" for front in FRONTS.values() if front.image}
    only_named = {"app.image", "load.python", "nodes.tls", *BUILT_SIDECAR, *LADDER, *SEARCH, *OF_SWARM}
    assert set(scenario_keys()) - set(keys_of(tomllib.loads(text))) - of_fronts == only_named


def test_the_glossary_of_the_report_is_that_of_the_documents() -> None:
    """Twelve words, each with one meaning."""
    assert len(GLOSSARY) == 12
    page = (DOCS / "one_minute.md").read_text(encoding="utf-8")
    assert all(f"| {word} | {meaning} |" in page for word, meaning in GLOSSARY.items())


def numbered(page: Path) -> Iterator[str]:
    """The numbers of a page's headings, and with that of their section those of its lists."""
    section = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"##+ (\d+)(\.\d+)?", line):
            section = heading[1]
            yield section + (heading[2] or "")
        elif item := re.match(r"(\d+)\. ", line):
            yield f"{section}.{item[1]}"


@pytest.mark.parametrize(("name", "page"), [("METHOD", "method.md"), ("FIELD", "traps.md")])
def test_every_section_that_the_code_cites_is_there(name: str, page: str) -> None:
    """A reader of "METHOD 10" or "METHOD 10.5" finds a heading of that number, or of "METHOD 4.2" an item in a list."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "lab").rglob("*.py"))
    cited = set(re.findall(rf"\b{name} (\d+(?:\.\d+)?)", code))

    assert cited
    assert cited <= set(numbered(DOCS / page))


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_is_documented(verb: str) -> None:
    """With its name as it is typed."""
    assert f"lab {verb}" in DOCUMENTS


def test_every_command_that_reads_bundles_is_named_where_they_are_explained() -> None:
    """As its help says it of itself."""

    def helps(verb: str) -> str:
        command = command_of(verb)
        return " ".join((command.help or "", *(getattr(each, "help", None) or "" for each in command.params)))

    readers = {verb for verb in VERBS if verb != "bundle" and "bundle" in helps(verb)}
    rows = set(re.findall(r"^\| `lab (\w+) ", (DOCS / "howto" / "share.md").read_text(encoding="utf-8"), re.MULTILINE))
    line = re.search(r"^lab bundle .* which (.*) read$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert {"report", "export"} <= readers
    assert rows == readers
    assert line
    assert set(re.split(r", | and ", line[1])) == readers


def test_the_reference_is_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change: python docs/generate.py."""
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    made = runpy.run_path(str(DOCS / "generate.py"))["reference"]()

    assert made == (DOCS / "reference.md").read_text(encoding="utf-8")


def test_the_reference_is_sound_markdown() -> None:
    """No code span is empty, which would swallow what follows; every option of the command itself is on the page."""
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    cells = [cell for line in text.splitlines() if line.startswith("|") for cell in re.split(r"(?<!\\)\|", line)]

    assert [cell for cell in cells if "``" in cell or "` `" in cell or cell.count("`") % 2] == []
    for option in ("--version, -V", "--install-completion", "--help, -h"):
        assert f"| `{option}` |" in text


def test_the_live_view_on_the_page_is_one_of_its_walk_through(tmp_path: Path) -> None:
    """As many workers as `lab init` was told there, and a row so far for each arm that its scenario judges."""
    page = (DOCS / "your_own_app.md").read_text(encoding="utf-8")
    command = re.search(r"^\$ lab (init --folder examples/shop .*) --out", page, re.MULTILINE)
    view = page.partition("(a pipe gets plain lines")[2].split("```")[1]
    assert command
    words = command[1].replace("examples/", f"{ROOT}/examples/").split()
    assert CliRunner().invoke(app, [*words, "--out", str(tmp_path / "shop")]).exit_code == 0
    scenario = read_scenario(tmp_path / "shop" / "scenario.toml")

    assert re.search(rf"block \d/{scenario.trials.blocks} ", view)
    assert re.search(rf"^ now +replicas \(nginx → {scenario.budget.processes} × ", view, re.MULTILINE)
    assert len(re.findall(r"^ +worker ", view, re.MULTILINE)) == scenario.budget.processes
    rows = re.findall(r"^ (\S+) +(\S+) +\d+ +\d\.\d+ ", view.partition("so far")[2], re.MULTILINE)
    assert rows == [(metric, arm) for metric in scenario.compare.primary for arm in scenario.judged]


@pytest.mark.parametrize(("page", "words"), [(page, words) for page, all_of in STATED.items() for words in all_of])
def test_a_page_states_the_numbers_of_the_code(page: str, words: str) -> None:
    """A constant that moves takes its sentence along; line breaks do not matter."""
    assert words in " ".join((DOCS / page).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(("metric", "planned"), [("p95", 720), ("p99", 3260), ("p99.9", 30_800)])
def test_the_requests_that_pages_ask_for_are_enough(metric: str, planned: int) -> None:
    """By chance no trial of 20 blocks has fewer than the percentile is judged from; nor is more asked for than that."""
    needed = measure_for(METRICS[metric].least_to_judge or 0, Load(locustfile=Path("x.py"), rate=1.0), schedules=20)

    assert needed <= planned <= 1.01 * needed
    for page in ("method.md", "cost.md", "howto/continuous_integration.md"):
        assert f"{planned:,}" in (DOCS / page).read_text(encoding="utf-8")
    template = (ROOT / "lab/starter/scenario.toml.jinja").read_text(encoding="utf-8")
    assert metric == "p99.9" or f"{metric} takes {planned}" in template


Build = Callable[[], "subprocess.CompletedProcess[str]"]
Problems = Callable[[Path], list[str]]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report that docs/sample.py makes."""
    made: Path = runpy.run_path(str(DOCS / "sample.py"))["write_sample"](docs=tmp_path_factory.mktemp("docs"))
    return made


@pytest.fixture
def copy(tmp_path: Path, sample: Path) -> Path:
    """The documentation's sources, to be built or broken."""
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__", "sample"))
    shutil.copytree(sample.parent, tmp_path / "docs" / "sample")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    return tmp_path


@pytest.fixture
def build(copy: Path) -> Build:
    """Build the copy as `make docs` does."""
    argv = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
    return lambda: subprocess.run(argv, cwd=copy, capture_output=True, text=True, check=False)


@pytest.fixture
def problems() -> Problems:
    """docs/check_site.py."""
    found: Problems = runpy.run_path(str(DOCS / "check_site.py"))["problems"]
    return found


def test_the_site_builds_strictly_and_needs_nothing_from_elsewhere(
    copy: Path, build: Build, problems: Problems
) -> None:
    """Every link, image, script and navigation entry leads to something that is in the site."""
    built = build()

    assert built.returncode == 0, built.stdout + built.stderr
    assert problems(copy / "site") == []
    assert len(list((copy / "site").rglob("*.html"))) > len(list(DOCS.rglob("*.md")))
    assert not list((copy / "site").rglob("*.py")), "what makes the pages is no page"
    assert (copy / "site" / "sample" / "report.html").read_bytes() == (copy / "docs/sample/report.html").read_bytes()


def test_what_is_broken_is_found(copy: Path, build: Build, problems: Problems) -> None:
    """An image, a page that nothing leads to, a script from elsewhere: what the strict build lets pass."""
    page = copy / "docs" / "tutorial.md"
    page.write_text(page.read_text() + '\n![](gone.png)\n\n<script src="https://example.org/x.js"></script>\n')
    (copy / "docs" / "lonely.md").write_text("# Lonely\n")
    assert build().returncode == 0

    assert problems(copy / "site") == [
        "tutorial.html: shows gone.png, which does not exist",
        "tutorial.html: fetches https://example.org/x.js, which needs a network",
        "lonely.html: no page leads here, list it under nav in zensical.toml",
    ]


@pytest.mark.parametrize("link", ["[x](gone.md)", "[x](faq.md#gone)"])
def test_a_broken_link_ends_the_build(copy: Path, build: Build, link: str) -> None:
    """Between pages, and to a heading."""
    page = copy / "docs" / "tutorial.md"
    page.write_text(page.read_text() + f"\n{link}\n")

    assert build().returncode != 0


def test_the_first_page_is_short() -> None:
    """Details are in the documentation."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 700


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_what_the_front_pages_link_to_is_there(name: str) -> None:
    """They are outside the site, so its build does not look at them."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))

    assert [link for link in links if not (ROOT / link).exists()] == []

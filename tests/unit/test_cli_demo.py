"""`lab demo` and `lab quick` before they run: what they say, what they hand to the run, and where they stop."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.cli import app, names
from lab.cli.beforehand import words_of
from lab.cli.demo import WITHOUT
from lab.cli.plan_warnings import UNDECIDED, warnings
from lab.engines.images import images
from lab.engines.images.offline.bases import stand_in
from lab.errors import LabError, MissingError, UsageError
from lab.plan.blocks import build_plan
from lab.plan.fronts.nginx import IMAGE as NGINX
from lab.scenario.file import read_scenario
from lab.scenario.images import PYTHON
from tests.fake_images import FakeDocker

ROOT = Path(__file__).parents[2]
SHOP, DOCS = ROOT / "examples" / "shop", ROOT / "docs"

Runs = list[dict[str, Any]]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runs:
    """What would have been run, from an empty folder, on an engine that has Python's image and must build nginx's."""
    found: Runs = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lab.cli.demo.run", lambda **asked: found.append(asked))
    monkeypatch.setattr("lab.cli.quick.run", lambda **asked: found.append(asked))
    monkeypatch.setattr(images, "can_build", lambda: True)
    monkeypatch.setattr("lab.cli.beforehand.connect", lambda: FakeDocker(present={PYTHON.reference}))
    monkeypatch.setattr("lab.cli.quick.has_display", lambda: False)
    return found


def lab(*arguments: object) -> str:
    """What was printed. Raises what the command raises."""
    result = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return str(result.output)


def test_the_demo_says_what_it_gets_and_runs_the_lab_s_own_quickstart(runs: Runs) -> None:
    """Each image with the way it comes, disk, trials and time; a scenario of that name in this folder is not it."""
    Path("scenarios").mkdir()
    Path("scenarios", "quickstart.toml").write_text("")
    said = lab("demo")

    for expected in (
        f"image    {PYTHON.reference} is here",
        f"image    {stand_in(NGINX)} will be built: from Debian packages",
        "disk     about 0.5 GB",
        "takes    18 trials (6 blocks of 3 arms), about 5 min 24 s",
        "says     better, worse, equivalent or inconclusive, on memory.pss.total of replicas",
        "waits    1 min at most before each trial",
    ):
        assert expected in said
    assert [(each["scenario"], each["engine"], each["wait_for_quiet"]) for each in runs] == [
        (names.SHIPPED / "quickstart.toml", "docker", 1.0)
    ]


def test_the_demo_says_what_the_documentation_shows(runs: Runs) -> None:
    """Line by line; only how the images come depends on the machine."""
    page = (DOCS / "howto" / "without_clone.md").read_text(encoding="utf-8")
    shown = page.partition("$ lab demo\n")[2].partition("```")[0].splitlines()

    def alike(lines: list[str]) -> list[str]:
        return ["image" if line.startswith("image ") else line for line in lines]

    assert alike(lab("demo").splitlines()) == alike(shown)
    assert len(runs) == 1


def test_a_demo_of_few_blocks_says_that_it_gives_numbers_only(runs: Runs) -> None:
    """And how many a verdict takes."""
    assert "says     numbers only: a verdict takes 6 blocks" in lab("demo", "--blocks", 1)
    assert runs[0]["blocks"] == 1


def test_a_demo_without_docker_is_exit_4_and_names_the_way_without(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs."""

    def refuse() -> FakeDocker:
        raise MissingError("no Docker engine answers", "start it")

    monkeypatch.setattr("lab.cli.beforehand.connect", refuse)
    with pytest.raises(MissingError, match="no Docker engine answers") as caught:
        lab("demo")

    assert (caught.value.exit_code, caught.value.hint, runs) == (4, f"start it; {WITHOUT}", [])


def test_an_image_that_cannot_be_had_is_told_before(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the registry's reason; the run itself then ends with what to do."""
    monkeypatch.setattr(images, "can_build", lambda: False)

    assert f"image    {NGINX.reference} cannot be obtained: no registry can be reached (no such host)" in lab("demo")


def test_a_demo_of_plain_processes_asks_no_engine(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs neither Docker nor an image."""
    monkeypatch.setattr("lab.cli.beforehand.connect", lambda: pytest.fail("asked Docker"))
    said = lab("demo", "--engine", "process")

    assert "image" not in said.partition("runs  ")[0]
    assert runs[0]["engine"] == "process"


def test_a_demo_that_is_none_is_refused(runs: Runs) -> None:
    """With the nearest name."""
    with pytest.raises(UsageError, match="quickstrat: the lab ships no such scenario; did you mean 'quickstart'"):
        lab("demo", "quickstrat")


def test_what_is_gotten_is_in_the_help() -> None:
    """Images, time and disk, before anybody runs it."""
    said = " ".join(lab("demo", "--help").split())

    for expected in ("images of Python and nginx", "installs nothing on this system", "0.5 GB", "5 minutes"):
        assert expected in said


def test_quick_writes_tells_and_runs(runs: Runs) -> None:
    """The scenario stays, few blocks run, and what they may say is told before; without a display no page opens."""
    said = lab("quick", "--folder", SHOP, "--processes", 2, "--measure", "3s")

    for expected in (
        "starts   uvicorn shop:api",
        "written  lab-scenario/scenario.toml",
        "runs     workers, workers-nginx, replicas: 2 serving processes each, 100 requests a second",
        "takes    6 trials (2 blocks of 3 arms), about 1 min 30 s",
        "says     numbers only: a verdict takes 6 blocks",
        "again    lab run lab-scenario/scenario.toml --blocks 2\n",
    ):
        assert expected in said
    scenario = Path("lab-scenario/scenario.toml")
    assert read_scenario(scenario).load.measure == 3.0
    assert [(each["scenario"], each["blocks"], each["open_page"]) for each in runs] == [(scenario, 2, False)]
    assert not runs[0]["allow_concurrent"]
    assert said.endswith("verdict  lab run lab-scenario/scenario.toml  (6 blocks, about 4 min 30 s)\n")


def test_quick_with_enough_blocks_needs_no_further_run(runs: Runs) -> None:
    """Its own may say the words."""
    assert "verdict  lab run" not in lab("quick", "--folder", SHOP, "--blocks", 6)


@pytest.mark.parametrize("verb", ["init", "quick"])
def test_the_expectation_that_is_offered_can_be_settled(runs: Runs, verb: str) -> None:
    """By the rate, the measure phase and the blocks that stand beside it, once it is no comment any more."""
    said = lab(verb, "--folder", SHOP)
    scenario = Path("lab-scenario/scenario.toml")
    text = scenario.read_text()
    scenario.write_text(text.replace("# [[expect]]", "[[expect]]").replace("# that =", "that ="))
    planned = build_plan(read_scenario(scenario))

    assert len(planned.scenario.expect) == 1
    assert not [told for told in warnings(planned) if UNDECIDED in told]
    assert len(runs) == (verb == "quick"), said


@pytest.mark.parametrize("verb", ["demo", "quick"])
def test_what_the_hint_about_another_lab_names_is_an_option(verb: str) -> None:
    """It says `--allow-concurrent`, whatever verb was refused."""
    assert "--allow-concurrent" in lab(verb, "--help")


@pytest.mark.parametrize(("flag", "opens"), [("--open", True), ("--no-open", False), ("", True)])
def test_quick_opens_the_page_where_there_is_a_display(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, flag: str, opens: bool
) -> None:
    """Unless told otherwise."""
    monkeypatch.setattr("lab.cli.quick.has_display", lambda: True)
    lab("quick", "--folder", SHOP, *filter(None, [flag]))

    assert runs[0]["open_page"] is opens


def test_quick_takes_an_app_without_a_dockerfile(runs: Runs, tmp_path: Path) -> None:
    """In its own folder without an option; what runs it again names the engine that was asked for."""
    (tmp_path / "main.py").write_text((SHOP / "shop.py").read_text())
    (tmp_path / "requirements.txt").write_text("fastapi[standard]\n")
    said = lab("quick", "--engine", "process")

    assert "written  lab-scenario/Dockerfile\n" in said
    assert "again    lab run lab-scenario/scenario.toml --blocks 2 --engine process\n" in said
    assert "verdict  lab run lab-scenario/scenario.toml --engine process  (6 blocks" in said
    app = read_scenario(Path("lab-scenario/scenario.toml")).app
    assert (app.build, app.dockerfile, app.target) == (tmp_path, "lab-scenario/Dockerfile", "main:api")
    assert app.requirements == tmp_path / "requirements.txt"
    assert len(runs) == 1


def test_quick_replaces_no_scenario(runs: Runs) -> None:
    """The second time it names its app and the command that runs what is there; --force replaces it."""
    lab("quick", "--folder", SHOP)
    app = re.escape(os.path.relpath(SHOP))
    with pytest.raises(UsageError, match=f"exists already, for the app in {app}, and nothing") as caught:
        lab("quick", "--folder", SHOP)

    assert "run it with `lab run lab-scenario/scenario.toml --blocks 2`" in caught.value.hint
    assert "replaced  lab-scenario/scenario.toml" in lab("quick", "--folder", SHOP, "--force")
    assert len(runs) == 2


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--folder", "shopp"), "--folder: there is no folder shopp"),
        (("--compose", "compos.yaml"), "--compose: there is no file compos.yaml"),
        (("--folder", DOCS), "exists already, for the app in"),
        (("--image", "another:1"), "exists already, for the app in"),
    ],
)
def test_quick_offers_no_scenario_of_another_app(runs: Runs, flags: tuple[object, ...], sentence: str) -> None:
    """A wrong folder is told first, whatever was written before; what is there for another app would measure that."""
    lab("quick", "--folder", SHOP)
    with pytest.raises(UsageError, match=sentence) as caught:
        lab("quick", *flags)

    assert ("--force" in caught.value.hint, "lab run" in caught.value.hint) == ("exists" in sentence, False)
    assert len(runs) == 1


def test_quick_tells_that_what_is_there_cannot_be_run(runs: Runs) -> None:
    """With the reason; it is kept all the same."""
    lab("quick", "--folder", SHOP)
    Path("lab-scenario/scenario.toml").write_text("nonsense = 1\n")
    with pytest.raises(UsageError, match="exists already, nothing is overwritten, and it cannot be run: .*nonsense"):
        lab("quick", "--folder", SHOP)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ((), "--image or --folder is missing"),
        (("--image", "a", "--folder", "b"), "give one of"),
        (("--folder", "."), "there is no Dockerfile"),
        (("--folder", SHOP, "--measure", "long"), "^--measure: expected a duration"),
    ],
)
def test_what_a_person_must_say_stops_it(runs: Runs, tmp_path: Path, flags: tuple[object, ...], sentence: str) -> None:
    """Exit 2 with a sentence; nothing is written or run, and nobody is asked."""
    with pytest.raises(LabError, match=sentence) as caught:
        lab("quick", *flags)

    assert (caught.value.exit_code, runs, list(tmp_path.iterdir())) == (2, [], [])


@pytest.mark.parametrize(("blocks", "verdict"), [(5, False), (6, True)])
def test_the_words_are_those_of_the_method(blocks: int, verdict: bool) -> None:
    """Below the least number of blocks there is none."""
    said = words_of(read_scenario(names.SHIPPED / "quickstart.toml"), blocks)

    assert ("inconclusive" in said, "numbers only" in said) == (verdict, not verdict)

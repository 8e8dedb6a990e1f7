"""How a command ends that starts nothing: its exit code and its sentence, and that it touched nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lab.cli import main
from lab.cli.verbs import DRY_RUN, INSTEAD_OF_DRY_RUN, command_of

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SHOP = Path(__file__).parents[2] / "examples" / "shop"

Ends = Callable[..., int]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """The exit code of ``lab`` with these words, where no Docker engine can be reached."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    def run(*words: object) -> int:
        monkeypatch.setattr("sys.argv", ["lab", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


def test_plan_needs_no_docker_and_touches_nothing(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Arms, full commands, nginx.conf, order and duration, with the engine out of reach."""
    monkeypatch.chdir(tmp_path)

    assert ends("plan", SCENARIOS / "quickstart.toml", "--all") == 0
    told = capsys.readouterr().out
    for expected in ("--workers 4", "proxy_pass http://app;", "block 6:", "18 trials (6 blocks of 3 arms), about"):
        assert expected in told
    assert list(tmp_path.iterdir()) == []


def test_a_budget_without_cgroups_is_exit_2(ends: Ends, capsys: pytest.CaptureFixture[str]) -> None:
    """Named by its key, by plan already."""
    assert ends("plan", SCENARIOS / "split_budget.toml", "--engine", "process") == 2
    assert "budget.cpus: a limit takes cgroups" in capsys.readouterr().err


@pytest.mark.parametrize(
    "verb", [("demo",), ("doctor",), ("plan", SCENARIOS / "smoke.toml"), ("quick", "--folder", SHOP)]
)
def test_an_unknown_engine_is_exit_2_with_those_that_there_are(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: Sequence[str]
) -> None:
    """By every command that has the option, before it looks at anything or writes a file."""
    monkeypatch.chdir(tmp_path)

    assert ends(*verb, "--engine", "dokcer") == 2
    assert "--engine: unknown engine 'dokcer': did you mean 'docker'?" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["plan", "report", "decide", "export", "bundle", "list", "serve", "init --folder"])
def test_a_path_that_no_system_takes_is_exit_2(
    ends: Ends, capsys: pytest.CaptureFixture[str], verb: str, tmp_path: Path
) -> None:
    """Whichever command is the first to look at it."""
    path = tmp_path / ("x" * 300)

    assert ends(*verb.split(), path) == 2
    assert f"lab: {path}: file name too long\nhint: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "code", "said"),
    [(SHOP / "shop.py", 2, f"{SHOP}/shop.py: file exists"), (Path("/proc/x"), 4, "cannot write /proc/x: ")],
)
def test_a_folder_that_cannot_be_made_is_a_sentence(
    ends: Ends, capsys: pytest.CaptureFixture[str], out: Path, code: int, said: str
) -> None:
    """A file of its name, or a file system that keeps none."""
    assert ends("init", "--folder", SHOP, "--out", out) == code
    assert f"lab: {said}" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["--version", "schema", "metrics", "plan quickstart --json"])
def test_a_full_disk_behind_stdout_is_exit_4(words: str) -> None:
    """Told on stderr, and nothing else is there."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "lab", *words.split()], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 4
    assert ended.stderr.startswith("lab: cannot write the output: no space left on device\nhint: ")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "error", [OSError("no number"), FileNotFoundError(2, "gone", "of/the/lab"), ConnectionError(1)]
)
def test_what_is_a_mistake_of_the_lab_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """Only wrong paths and full disks are told in a sentence."""

    def fails(**_: object) -> None:
        raise error

    monkeypatch.setattr("lab.cli.app", fails)
    with pytest.raises(type(error)):
        main()


def test_a_wrong_option_is_exit_2(ends: Ends) -> None:
    """Usage errors have the code of usage errors."""
    assert ends("run", SCENARIOS / "smoke.toml", "--nonsense") == 2


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("help",), "`lab --help` lists the commands, `lab VERB --help` explains one"),
        (("help", "run"), "`lab run --help` explains one"),
        (("run", "smoke", "--dry-run"), "`lab plan smoke` shows what would run"),
        (("demo", "--dry-run"), "`lab plan SCENARIO` shows what would run"),
        (("quick", "--dry-run"), "`lab plan` then shows what would run"),
        (("study", "smoke", "--dry-run"), "`lab study smoke --plan` says which parts would run and for how long"),
        (
            ("capacity", "smoke", "--dry-run"),
            "it takes before anything runs; `lab plan smoke` shows the arms",
        ),
        (
            ("limits", "smoke", "--dry-run"),
            "it takes before anything runs; `lab plan smoke` shows the arms",
        ),
        (("selfcheck", "--dry-run"), "a selfcheck runs the baseline arm against itself"),
        (("init", "scenarios", "--processes", "4"), "`lab init --folder scenarios --processes 4`"),
        (("quick", "compose.yaml"), "`lab quick --compose compose.yaml`"),
        (("init", "my-app:1"), "`lab init --image my-app:1`"),
        (("init", "--processes", "4", "my-app"), "`lab init --processes 4 --image my-app`"),
        (("quick", "--stage", "x", "x", "--wait-for-quiet"), "`lab quick --stage x --image x --wait-for-quiet=5`"),
        (("init", "my-app:2", "--image", "x"), "`--image my-app:2` in place of --image, or leave 'my-app:2' out"),
        (("quick", "--folder", ".", "compose.yaml"), "`--compose compose.yaml` in place of --folder, or"),
    ],
)
def test_what_other_programs_understand_is_answered_with_the_word_for_it_here(
    ends: Ends, capsys: pytest.CaptureFixture[str], words: Sequence[str], hint: str
) -> None:
    """Not with a bare refusal."""
    assert ends(*words) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert hint in told


@pytest.mark.parametrize("verb", INSTEAD_OF_DRY_RUN)
def test_what_is_named_instead_of_a_dry_run_is_there(verb: str) -> None:
    """Each command with its options, and whoever is answered has no such option."""
    commands = [words.split()[1:] for words in re.findall(r"`([^`]+)`", INSTEAD_OF_DRY_RUN[verb])]

    assert commands
    assert DRY_RUN not in _options(verb)
    for named, *words in commands:
        assert {word for word in words if word.startswith("-")} <= _options(named)


def _options(verb: str) -> set[str]:
    return {option for parameter in command_of(verb).params for option in parameter.opts}


@pytest.mark.parametrize("words", [("init", "--help"), ("init", "my-app", "--help"), ("quick", "--help", "my-app")])
def test_who_asks_for_help_gets_it(ends: Ends, words: Sequence[str]) -> None:
    """Also beside an app that no option names."""
    assert ends(*words) == 0


def test_a_wrong_option_is_told_before_an_app_that_no_option_names(
    ends: Ends, capsys: pytest.CaptureFixture[str]
) -> None:
    """What follows it may be its value."""
    assert ends("init", "--nonsense", "my-app") == 2
    assert "No such option: --nonsense" in capsys.readouterr().err


def test_a_dry_run_that_exists_is_left_alone(ends: Ends) -> None:
    """`lab clean` has one."""
    assert ends("clean", "--dry-run", "--help") == 0


def test_a_command_that_judges_nothing_does_not_wait_for_scipy() -> None:
    """Importing it takes a quarter of a second, of every process that the lab starts."""
    ask = "import sys, lab.cli; print([name for name in sys.modules if name.startswith('scipy')])"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"

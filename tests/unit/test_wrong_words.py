"""Wrong values and words of commands are refused in the lab's own words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest

from lab.cli import main
from lab.cli.console import to_paste
from lab.cli.verbs import VERBS, command_of, named_in

RAW = re.compile(r"Input should|unable to parse|pydantic|unexpected extra")


def numbers() -> Iterator[Any]:
    """Every option of every command that takes a number, and whether it takes whole ones only."""
    for verb, at in VERBS.items():
        function = getattr(import_module(f"lab.cli.{at.module}"), at.function)
        asked = inspect.signature(function, eval_str=True).parameters
        for option in command_of(verb).params:
            kinds = set(get_args(get_args(asked[option.name].annotation)[0])) - {type(None)} or {
                get_args(asked[option.name].annotation)[0]
            }
            if kinds <= {int, float} and option.opts[0].startswith("--"):
                yield pytest.param(verb, option.opts[0], kinds == {int}, id=f"{verb} {option.opts[0]}")


def refusal(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What ``lab`` with these words says; it ends with exit code 2."""
    monkeypatch.setattr("sys.argv", ["lab", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err
    assert ended.value.code == 2, told
    assert not RAW.search(told)
    return told


@pytest.mark.parametrize(("verb", "option", "whole"), list(numbers()))
def test_what_is_no_number_is_told_so(
    verb: str, option: str, whole: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the option and what was given, and not as pydantic says it."""
    told = refusal([verb, f"{option}=many"], monkeypatch, capsys)

    assert told.splitlines() == [
        f"lab: {option}: many is no {'whole ' if whole else ''}number",
        f"hint: see `lab {verb} --help`",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "smoke", "--blocks", "0"], "--blocks: 0 is too small; the least is 1"),
        (["serve", "--port=70000"], "--port: 70000 is too large; the most is 65535"),
        (["run", "smoke", "--blocks", "1.5"], "--blocks: 1.5 is no whole number"),
        (["doctor", "x.toml"], "`lab doctor --scenario x.toml`"),
        (["clean", "smoke"], "`lab clean --scenario smoke`"),
        (["list", "."], "`lab list --out .`"),
        (["metrics", "p50", "p99"], "lab metrics does not know what to do with 'p99'"),
        (["schema", "x"], "lab schema does not know what to do with 'x'"),
    ],
)
def test_what_is_out_of_bounds_or_too_much_has_its_remedy(
    words: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bound, or the option that the word needs."""
    assert told in refusal(words, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "my.toml", "--bogus"], "--bogus"),
        (["plan", "my.toml", "--blocks"], "--blocks"),
        (["report", "x", "--bogus", "y"], "--bogus"),
        (["quick", "--bogus", "my-app"], "--bogus"),
    ],
)
def test_a_wrong_option_is_named_and_not_a_word_that_is_right(
    words: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands beside it belongs to the command."""
    said = refusal(words, monkeypatch, capsys)

    assert told in said
    assert "what to do with" not in said
    assert "cannot tell what" not in said


def test_a_folder_of_runs_is_given_with_its_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a command that has options for both, too."""
    assert f"`lab clean --out {tmp_path}`" in refusal(["clean", str(tmp_path)], monkeypatch, capsys)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["run", "my app.toml"], "`lab plan 'my app.toml'` or `lab report RUN`"),
        (["report", "--out", "x.html", "latest"], "`lab plan SCENARIO` or `lab report latest`"),
        (["doctor", "--scenario=smoke"], "`lab plan smoke` or `lab report RUN`"),
        (["run", "--wait-for-quiet", "a.toml"], "`lab plan a.toml` or `lab report RUN`"),
        (["run", "a.toml", "--wait-for-quiet"], "`lab plan a.toml` or `lab report RUN`"),
        (["compare", "a", "b"], "`lab plan SCENARIO` or `lab report RUN`"),
        (["report"], "`lab plan SCENARIO` or `lab report RUN`"),
        (["report", "--nonsense", "latest"], "`lab plan SCENARIO` or `lab report RUN`"),
        (["nonsense"], "`lab plan SCENARIO` or `lab report RUN`"),
        ([], "`lab plan SCENARIO` or `lab report RUN`"),
    ],
)
def test_a_hint_can_be_pasted(words: list[str], hint: str) -> None:
    """The one thing that the command was given stands where it takes it; what is no command stays."""
    assert to_paste("`lab plan SCENARIO` or `lab report RUN`", named_in(words)) == hint
    assert to_paste("a RUN of `docker run RUN`", {"RUN": "x"}) == "a RUN of `docker run RUN`"

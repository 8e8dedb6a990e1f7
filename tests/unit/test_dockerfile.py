"""Dockerfiles read without building them: stages, arguments, heredocs, and what takes BuildKit."""

import base64
from collections.abc import Mapping

import pytest

from lab.engines.images.dockerfile import read_dockerfile
from lab.engines.images.instructions import instructions, without_syntax
from lab.engines.images.progress import TRACE, fields, lines_of
from lab.engines.images.variables import fill_known
from lab.errors import ScenarioError

STAGES = """
ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE} AS base
ENV PORT=8000
EXPOSE $PORT
ENTRYPOINT ["uvicorn"]

FROM base AS development
CMD ["main:app", "--reload"]

FROM node:22 AS page
RUN npm run build

FROM base AS production
COPY --from=page /page /page
COPY --from=registry.example/tools:1 /tool /tool
RUN --mount=type=bind,from=development,source=/,target=/dev ls
CMD ["main:app", "--port", "8000"]
"""
HEREDOC = """FROM scratch
RUN <<EOF
FROM nothing
CMD no
EOF
COPY <<-"END" /a
	ENTRYPOINT no
	END
CMD ["yes"]
"""


def test_a_stage_has_what_its_base_says() -> None:
    """The ENTRYPOINT of stage base is that of stage production, which is known by its own CMD."""
    stage = read_dockerfile(STAGES).stage()
    assert (stage.name, stage.base, stage.image) == ("production", "base", "python:3.13-slim")
    assert (stage.config["Entrypoint"], stage.config["Cmd"]) == (["uvicorn"], ["main:app", "--port", "8000"])
    assert stage.config["ExposedPorts"] == ["8000"]
    assert (stage.origin["Entrypoint"], stage.origin["Cmd"]) == ("base", "production")
    assert read_dockerfile(STAGES).stage("Development").config["Cmd"] == ["main:app", "--reload"]
    assert read_dockerfile(STAGES).stage("0").name == "base"


def test_a_stage_that_is_not_there_is_a_sentence() -> None:
    """With the nearest name."""
    with pytest.raises(ScenarioError, match="no stage 'prod'"):
        read_dockerfile(STAGES).stage("prod")
    with pytest.raises(ScenarioError, match="no FROM"):
        read_dockerfile("RUN true").stage()


def test_only_images_that_the_target_needs_are_named() -> None:
    """Through FROM, COPY --from and RUN --mount=from; a stage that nobody takes from costs nothing."""
    assert set(read_dockerfile(STAGES).images()) == {"registry.example/tools:1", "python:3.13-slim", "node:22"}
    assert read_dockerfile(STAGES, {"PYTHON_IMAGE": "mine:1"}).images("development") == ("mine:1",)
    assert read_dockerfile("FROM scratch\nCOPY --from=$WHO /a /a").images() == ()


def test_a_new_entrypoint_drops_the_command_of_the_base() -> None:
    """As Docker does; a CMD in the same stage stays, wherever it stands."""
    base = 'FROM x AS a\nCMD ["one"]\nFROM a\n'
    assert read_dockerfile(base + 'ENTRYPOINT ["two"]').stage().config["Cmd"] is None
    assert read_dockerfile(base + 'CMD ["three"]\nENTRYPOINT ["two"]').stage().config["Cmd"] == ["three"]
    assert read_dockerfile(base).stage().config["Cmd"] == ["one"]


def test_what_stands_in_a_heredoc_is_no_instruction() -> None:
    """Neither is a comment between two lines that belong together."""
    stage = read_dockerfile(HEREDOC).stage()
    assert (stage.config, stage.takes_from) == ({"Cmd": ["yes"]}, ())
    joined = list(instructions('CMD ["a", \\\n# between\n\n  "b"]\nRUN cat <<<"no heredoc"'))
    assert [(each.keyword, each.rest.split(), each.heredoc) for each in joined] == [
        ("CMD", ['["a",', '"b"]'], False),
        ("RUN", ["cat", '<<<"no', 'heredoc"'], False),
    ]
    assert [each.rest.split() for each in instructions("# escape=`\nRUN a `\n b\\\nUSER c")] == [["a", "b\\"], ["c"]]


@pytest.mark.parametrize(
    ("text", "expected", "newer"),
    [
        ("FROM x\nRUN --mount=type=cache,target=/c true\nCOPY --chmod=755 a b", ("RUN --mount", "COPY --chmod"), ()),
        ("FROM x\nCOPY --link --chown=1:1 a b", ("COPY --link",), ("COPY --link",)),
        ("FROM x\nRUN <<EOF\ntrue\nEOF", ("RUN <<EOF",), ("RUN <<EOF",)),
        ("FROM x\nRUN echo --mount\nCOPY --from=y a b\nHEALTHCHECK --interval=5s CMD true", (), ()),
    ],
)
def test_what_takes_buildkit_is_told(text: str, expected: tuple[str, ...], newer: tuple[str, ...]) -> None:
    """And what takes more than the BuildKit of an old engine."""
    assert read_dockerfile(text).buildkit_reasons() == expected
    assert read_dockerfile(text).buildkit_reasons(newer=True) == newer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A-${A}-${B}-$B", "1-1-${B}-$B"),
        ("${A:-x}${B:-x}${E:-x}${E-x}", "1xx"),
        ("${A:+y}${B:+y}${E:+y}${E+y}", "yy"),
        ("${B:-${A}.${C:-2}}", "1.2"),
        ("$$A ${} ${A#x} ${B:?why} ${A:?why} ${A $", "$1 ${} ${A#x} ${B:?why} 1 ${A $"),
    ],
)
def test_variables_are_filled_as_a_shell_would(text: str, expected: str) -> None:
    """What is not known stays: only a build could tell it."""
    assert fill_known(text, {"A": "1", "E": ""}) == expected


def test_arguments_of_a_stage_are_those_that_it_declares() -> None:
    """One before the first FROM holds in FROM lines, and in a stage that asks for it."""
    text = "ARG V=1\nFROM x:$V\nEXPOSE ${V}0\nARG V\nARG W=${V}1 U\nEXPOSE ${W} ${U}"
    assert read_dockerfile(text).stage().config["ExposedPorts"] == ["11"]
    assert read_dockerfile(text, {"V": "3", "U": "7"}).stage().config["ExposedPorts"] == ["31", "7"]
    assert read_dockerfile(text, {"V": "3"}).stage().base == "x:3"


def test_the_line_that_names_a_reader_becomes_a_comment() -> None:
    """So the lines keep their numbers; one that comes later is no directive."""
    text = "# syntax=docker/dockerfile:1.4\nFROM x\n# syntax=no\n"
    assert read_dockerfile(text).syntax == "docker/dockerfile:1.4"
    assert without_syntax(text) == "# without syntax=docker/dockerfile:1.4\nFROM x\n# syntax=no\n"
    assert read_dockerfile(without_syntax(text)).syntax == ""


def _message(*parts: tuple[int, bytes]) -> bytes:
    return b"".join(bytes([number << 3 | 2, len(content)]) + content for number, content in parts)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"stream": "Step 1\n"}, ["Step 1"]),
        ({"id": "moby.image.id", "aux": {"ID": "x"}}, []),
        ({"id": TRACE, "aux": _message((3, _message((1, b"digest"), (4, b"one\ntwo\n"))))}, ["one", "two"]),
        ({"id": TRACE, "aux": _message((1, _message((3, b"[1/2] RUN x"), (5, b""))))}, ["[1/2] RUN x"]),
        ({"id": TRACE, "aux": _message((1, _message((3, b"[1/2] RUN x"), (5, b""), (6, b""))))}, []),
    ],
)
def test_both_builders_are_read(event: Mapping[str, object], expected: list[str]) -> None:
    """BuildKit's steps when they begin, and their output; a step that has ended says nothing new."""
    aux = event.get("aux")
    sent = {**event, "aux": base64.b64encode(aux).decode()} if isinstance(aux, bytes) else event
    assert list(lines_of(sent)) == expected


def test_numbers_between_texts_are_passed_over() -> None:
    """A varint of two bytes, and the fixed ones."""
    message = bytes([1 << 3, 0xAC, 0x02, 2 << 3 | 1, *range(8), 3 << 3 | 5, *range(4)]) + _message((4, b"end"))
    assert list(fields(message)) == [(4, b"end")]
    with pytest.raises(ValueError, match="wire type 3"):
        list(fields(bytes([1 << 3 | 3])))

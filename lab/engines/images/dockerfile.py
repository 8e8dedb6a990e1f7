"""Read a Dockerfile as far as it can be read without building it: stages, arguments, how the image starts. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lab.engines.images.instructions import Instruction, directives, form, instructions
from lab.engines.images.variables import fill_known
from lab.errors import ScenarioError
from lab.scenario.expectation import nearest

SCRATCH = "scratch"
MOUNTED_FROM = re.compile(r"(?:^|,)from=([^,]+)")
PORT = re.compile(r"\d+(/\w+)?")
BUILDKIT_FLAGS = {  # by instruction; the classic builder knows none of them
    "RUN": ("mount", "network", "security", "device"),
    "COPY": ("chmod", "link", "parents", "exclude"),
    "ADD": ("chmod", "link", "checksum", "keep-git-dir", "exclude", "unpack"),
}
NEWER_FLAGS = ("link", "parents", "exclude", "checksum", "keep-git-dir", "unpack", "device")  # than engine 20.10
KEYS = {"CMD": "Cmd", "ENTRYPOINT": "Entrypoint", "USER": "User", "WORKDIR": "WorkingDir"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage. ``base`` is an image, or the name of an earlier stage; ``image`` is the image below all of them.

    ``config`` is what the image would say of itself, with what it has from earlier stages; ``origin`` tells for each
    key of it which stage said so. ``takes_from``: other stages and images that it copies from or mounts.
    """

    name: str
    base: str
    image: str
    config: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    takes_from: tuple[str, ...] = ()
    instructions: tuple[Instruction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """A Dockerfile whose arguments are filled. ``syntax`` is the image that reads it, where it names one."""

    stages: tuple[Stage, ...]
    syntax: str = ""

    def stage(self, target: str = "") -> Stage:
        """The stage that is built: the ``target`` by name or number, or the last. Raises ScenarioError."""
        if not self.stages:
            raise ScenarioError("the Dockerfile has no FROM", "it begins with the image that it builds on")
        if not target:
            return self.stages[-1]
        names = [stage.name for stage in self.stages]
        found = next((stage for stage in self.stages if stage.name.lower() == target.lower()), None)
        if found is None and target.isdecimal() and int(target) < len(self.stages):
            found = self.stages[int(target)]
        if found is None:
            raise ScenarioError(
                f"the Dockerfile has no stage {target!r}: {nearest(target, [name for name in names if name])}",
                "name a stage of FROM … AS NAME, or leave it out for the last one",
            )
        return found

    def needed(self, target: str = "") -> tuple[Stage, ...]:
        """The stages that the build of ``target`` goes through, the last one first."""
        found: list[Stage] = []
        waiting = [self.stage(target)]
        while waiting:
            stage = waiting.pop()
            if stage not in found:
                found.append(stage)
                waiting += [each for name in (stage.base, *stage.takes_from) if (each := self._before(stage, name))]
        return tuple(found)

    def images(self, target: str = "") -> tuple[str, ...]:
        """The images that the build of ``target`` takes from elsewhere, each once; those that only it can tell not."""
        names = [
            name
            for stage in self.needed(target)
            for name in (stage.base, *stage.takes_from)
            if name not in ("", SCRATCH) and "$" not in name and self._before(stage, name) is None
        ]
        return tuple(dict.fromkeys(names))

    def _before(self, stage: Stage, name: str) -> Stage | None:
        earlier = self.stages[: self.stages.index(stage)]
        named = next((each for each in reversed(earlier) if each.name.lower() == name.lower() and name), None)
        return earlier[int(name)] if named is None and name.isdecimal() and int(name) < len(earlier) else named

    def buildkit_reasons(self, target: str = "", *, newer: bool = False) -> tuple[str, ...]:
        """What takes BuildKit, such as ``"RUN --mount"``, each once; ``newer``: only what engine 20.10 cannot read."""
        return tuple(
            dict.fromkeys(
                reason
                for stage in (self.stages if newer else self.needed(target))  # it reads all before it builds any
                for each in stage.instructions
                for reason in _reasons(each, newer=newer)
            )
        )


def _reasons(instruction: Instruction, *, newer: bool) -> Iterator[str]:
    known = NEWER_FLAGS if newer else BUILDKIT_FLAGS.get(instruction.keyword, ())
    yield from (f"{instruction.keyword} --{name}" for name, _ in instruction.flags if name in known)
    if instruction.heredoc:
        yield f"{instruction.keyword} <<EOF"


def read_dockerfile(text: str, build_args: Mapping[str, str] | None = None) -> Dockerfile:
    """Read every stage, with ``build_args`` in place of the defaults of ARG. Unknown variables stay as they are."""
    given = dict(build_args or {})
    found = list(instructions(text))
    outer: dict[str, str] = {}
    stages: list[Stage] = []
    bodies: list[list[Instruction]] = []
    for instruction in found:
        if instruction.keyword == "FROM":
            bodies.append([])
        if bodies:
            bodies[-1].append(instruction)
        elif instruction.keyword == "ARG":
            _declare(instruction.rest, outer, given, {})
    for body in bodies:
        stages.append(_stage(body, stages, outer, given))
    return Dockerfile(stages=tuple(stages), syntax=directives(text).get("syntax", ""))


def _stage(
    body: Sequence[Instruction], before: Sequence[Stage], outer: Mapping[str, str], given: Mapping[str, str]
) -> Stage:
    words = fill_known(body[0].rest, outer).split()
    base = words[0] if words else ""
    name = words[2] if len(words) > 2 and words[1].upper() == "AS" else str(len(before))
    parent = next((each for each in reversed(before) if each.name.lower() == base.lower()), None)
    stage = Stage(
        name=name,
        base=base,
        image=parent.image if parent else base,
        config=dict(parent.config) if parent else {},
        origin=dict(parent.origin) if parent else {},
        instructions=tuple(body[1:]),
    )
    variables: dict[str, str] = dict(stage.config.get("Env", {}))
    said: dict[str, Any] = {}
    takes_from: list[str] = []
    for instruction in body[1:]:
        if instruction.keyword == "ARG":
            _declare(instruction.rest, variables, given, outer)
        said |= _said(instruction, {**stage.config, **said}, variables)
        takes_from += _takes_from(instruction, variables)
    if "Entrypoint" in said and "Cmd" not in said:
        said["Cmd"] = None  # a new ENTRYPOINT drops the CMD of the base, which was meant for another one
    config = {**stage.config, **said}
    return replace(
        stage, config=config, origin={**stage.origin, **dict.fromkeys(said, name)}, takes_from=tuple(takes_from)
    )


def _said(instruction: Instruction, config: Mapping[str, Any], variables: dict[str, str]) -> dict[str, Any]:
    """What an instruction adds to the image's configuration; ENV adds to the variables as well."""
    keyword, rest = instruction.keyword, instruction.rest
    if keyword in ("CMD", "ENTRYPOINT"):
        return {KEYS[keyword]: form(rest)}
    if keyword in KEYS:
        return {KEYS[keyword]: fill_known(rest, variables)}
    if keyword == "EXPOSE":
        ports = [word for word in fill_known(rest, variables).split() if PORT.fullmatch(word)]
        return {"ExposedPorts": [*config.get("ExposedPorts", ()), *ports]}
    if keyword == "HEALTHCHECK":
        return {"Healthcheck": {"Test": form(rest.partition("CMD")[2].strip())}}
    if keyword == "ENV":
        pairs = dict(_pairs(rest, variables))
        variables |= pairs
        return {"Env": {**config.get("Env", {}), **pairs}}
    return {}


def _takes_from(instruction: Instruction, variables: Mapping[str, str]) -> Iterator[str]:
    for name, value in instruction.flags:
        if name == "from":
            yield fill_known(value, variables)
        elif name == "mount" and (found := MOUNTED_FROM.search(value)):
            yield fill_known(found[1], variables)


def _declare(rest: str, into: dict[str, str], given: Mapping[str, str], outer: Mapping[str, str]) -> None:
    """Take in the variables of one ARG: as given, else its default, else what was declared before the first FROM."""
    for word in re.findall(r"""\w+(?:=(?:"[^"]*"|'[^']*'|\S*))?""", rest):
        name, equals, value = word.partition("=")
        known = {**outer, **into}
        if name in given:
            into[name] = given[name]
        elif equals:
            into[name] = fill_known(value.strip("\"'"), known)
        elif name in outer:
            into[name] = outer[name]


def _pairs(rest: str, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """``A=1 B="x y"``, or the old ``A 1``."""
    if re.match(r"\w+\s", rest):
        name, _, value = rest.partition(" ")
        yield name, fill_known(value.strip(), variables)
        return
    for name, value in re.findall(r"""(\w+)=("(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\s\\]|\\.)*)""", rest):
        yield name, fill_known(value.strip("\"'"), variables)

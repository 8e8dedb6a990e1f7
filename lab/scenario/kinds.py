"""Registries of what a scenario chooses by name: fronts, process models, engines. No name stands here.

Each declares itself when its module is imported: those of the lab in the rooms named below, those of other packages
through an entry point of the group ``process_model_lab``. Both are imported when a registry is first asked.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass as plain_dataclass
from dataclasses import fields
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar, dataclass_transform, get_args, get_type_hints

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import CoreSchema, core_schema

from lab.errors import MissingError
from lab.scenario.compare import STRICT, unknown
from lab.scenario.images import ImageSource
from lab.scenario.refusals import expectation

ROOMS = ("lab.plan.fronts", "lab.plan.models", "lab.engines.kinds")  # imported by name: they stand above this room
ENTRY_POINTS = "process_model_lab"
AUTOMATIC = "auto"

Options: TypeAlias = Any  # an instance of the class that a front or a model declared as its ``options``
T = TypeVar("T")
D = TypeVar("D")
_pending = list(ROOMS)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def options(described: type[T]) -> type[T]:
    """Make a class the options of a front or a model: a table of the scenario with ``kind``, all keys with defaults."""
    made: type[T] = dataclass(config=STRICT, kw_only=True, eq=True, unsafe_hash=True)(described)  # type: ignore[assignment]  # pydantic says less of it
    return made


def kind_of(chosen: Options) -> str:
    """The kind of the options, which is title enough where nothing else is declared."""
    return str(chosen.kind)


@plain_dataclass(frozen=True, slots=True, kw_only=True)
class HasOptions:
    """A declaration with ``options``: a class made by ``options`` above."""

    options: type[Any]


@plain_dataclass(frozen=True, slots=True, kw_only=True)
class FrontKind(HasOptions):
    """The part of a front that a scenario knows; the whole is lab.plan.fronts.front.Front.

    ``image``: what its services run from. ``hops``: how many services stand between the clients and the app, each with
    a port and a share of the budget. ``arm_keys``: options that are accepted as keys of the arm as well. ``check``
    raises ScenarioError for options that cannot work here, such as a file of the user's. ``watching``: the options by
    which it notices a process that hangs, beside those of this table.
    """

    image: ImageSource | None
    hops: int = 1
    arm_keys: tuple[str, ...] = ()
    check: Callable[[Options], None] = lambda _chosen: None
    watching: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _table: {}


@plain_dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a scenario asks of the process model of an arm, beside the options: N, and what says how it is started."""

    processes: int
    command: str = ""
    target: str = ""
    loop: str = AUTOMATIC
    http: str = AUTOMATIC
    proxy_headers: bool = False


@plain_dataclass(frozen=True, slots=True, kw_only=True)
class ModelKind(HasOptions):
    """The part of a process model that a scenario knows; the whole is lab.plan.models.model.ProcessModel.

    ``one_address``: whether clients can do without a front; ``speaks_tls``: and connect over TLS then.
    ``placeholders``: what a command must have in it.
    ``refusal``: a sentence why its options do not go with what else the scenario asks for; or "".
    """

    one_address: bool
    speaks_tls: bool = False
    placeholders: tuple[str, ...] = ()
    refusal: Callable[[Any, Asked], str] = lambda _options, _asked: ""


H = TypeVar("H", bound=HasOptions)


class Registry(Mapping[str, D], Generic[D]):
    """Everything that was declared, by name, in the order of declaration. ``what``: "front", "model" or "engine"."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._declared: dict[str, D] = {}

    def declare(self, name: str, declaration: D) -> None:
        """Add a declaration. Raises ValueError when another one has its name."""
        if self._declared.setdefault(name, declaration) is not declaration:
            raise ValueError(f"two {self.what}s are called {name!r}")

    def __getitem__(self, name: str) -> D:
        _import_declarations()
        return self._declared[name]

    def __iter__(self) -> Iterator[str]:
        _import_declarations()
        return iter(self._declared)

    def __len__(self) -> int:
        _import_declarations()
        return len(self._declared)


class Kinds(Registry[H]):
    """A registry whose entries have options; as the annotation of a field it is their union, told apart by ``kind``.

    A field takes the kind alone (``"nginx"``), a table with the kind and options, or an instance of the options.
    """

    def add(self, declaration: H) -> None:
        """Declare it under the kind of its options."""
        self.declare(declaration.options().kind, declaration)

    def parse(self, value: object) -> Options:
        """The options that were chosen. Raises ValueError that names the nearest valid choice."""
        if any(type(value) is declared.options for declared in self.values()):
            return value
        table = {"kind": value} if isinstance(value, str) else value
        if not isinstance(table, Mapping) or not isinstance(table.get("kind"), str):
            example = next(iter(self))
            raise ValueError(
                f'expected a {self.what} such as "{example}" or {{ kind = "{example}" }}, got something else'
            )
        if table["kind"] not in self:
            raise ValueError(unknown(self.what, table["kind"], self))
        chosen = self[table["kind"]].options
        try:
            return TypeAdapter(chosen).validate_python(dict(table))
        except ValidationError as error:
            raise ValueError(self._refusal(table["kind"], error)) from None

    def option_names(self, kind: str) -> list[str]:
        """The options of a kind, without ``kind`` itself."""
        return [field.name for field in fields(self[kind].options) if field.name != "kind"]

    def path_names(self, kind: str) -> list[str]:
        """The options of a kind that are paths, relative to the scenario file."""
        hints = get_type_hints(self[kind].options)
        return [name for name in self.option_names(kind) if Path in (hints[name], *get_args(hints[name]))]

    def _refusal(self, kind: str, error: ValidationError) -> str:
        detail = error.errors()[0]
        key = ".".join(map(str, detail["loc"]))
        if not key:  # about several options at once
            return expectation("", detail)
        if detail["type"] != "unexpected_keyword_argument":
            return f"{key}: {expectation(key, detail)}, got {repr(detail['input'])[:80]}"
        own = self.option_names(kind)
        if others := [other for other in self if key in self.option_names(other)]:
            return f"{key!r} is an option of {self.what} {' and '.join(map(repr, others))}, got it for {kind!r}"
        return f"{self.what} {kind!r}: " + (
            unknown("option", key, own) if own else f"unknown option {key!r}: it has none"
        )

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        stored = core_schema.plain_serializer_function_ser_schema(_stored)
        return core_schema.no_info_plain_validator_function(self.parse, serialization=stored)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        tables = (handler(TypeAdapter(declared.options).core_schema) for declared in self.values())
        named = [{**table, "required": ["kind"]} for table in tables]
        return {"anyOf": [{"type": "string", "enum": list(self)}, *named]}


def _stored(chosen: Options) -> dict[str, Any]:
    table: dict[str, Any] = TypeAdapter(type(chosen)).dump_python(chosen, mode="json")
    return table


FRONTS: Kinds[FrontKind] = Kinds("front")
MODELS: Kinds[ModelKind] = Kinds("model")
ENGINES: Registry[Any] = Registry("engine")


def _import_declarations() -> None:
    """Import every room and every entry point once; those that are being imported may ask meanwhile."""
    if not _pending:
        return
    rooms = tuple(_pending)
    _pending.clear()
    for room in rooms:
        import_module(room)
    for point in entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:
            raise MissingError(
                f"the package that declares {point.name!r} ({point.value}) cannot be imported: {error!r}",
                "fix or uninstall it",
            ) from error


def in_new_spelling(arm: Mapping[str, Any]) -> dict[str, Any]:
    """An arm with the options of its front as version 0.1 wrote them, keys of the arm, → in a table of the front.

    Raises ValueError for an option that the front does not have, unless it has its default: then it said nothing.
    """
    front, rest = arm.get("front"), dict(arm)
    table = dict(front) if isinstance(front, Mapping) else {"kind": front}
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in FRONTS:
        return rest
    for owner, declared in FRONTS.items():
        for key in declared.arm_keys:
            if key not in rest:
                continue
            value = rest.pop(key)
            if key in table:
                raise ValueError(f'"{key}" is given twice, in the arm and in its front: leave out that of the arm')
            if key in FRONTS.option_names(kind):
                table[key] = value
            elif value != getattr(declared.options(), key):
                raise ValueError(f'"{key}" needs front = "{owner}"')
    return {**rest, "front": table}

"""The routes of the FastAPI apps in a folder, from the text of its modules: nothing of it is run or imported.

Routers are followed to the app that includes them, over modules and packages, as far as names and prefixes stand there
as text, or as a name that has one text in the whole project (``settings.API_PREFIX``). What is computed is not seen.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

APP, ROUTER = "FastAPI", "APIRouter"
PACKAGE = ".__init__"
PLAIN_TYPES = ("str", "int", "float", "bool")  # of arguments that a query must give where they have no default
METHODS = ("get", "post", "put", "patch", "delete")
NO_GET, REDIRECTS, QUERY = "no GET", "only redirects", "needs a query"  # why a route is not asked just like that
MAX_DEPTH = 8  # of modules that import a name from one another: two may in a circle

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Route(NamedTuple):
    """A method and a path, and why a request with no more than these is none that shows anything; "" where it is."""

    method: str
    path: str
    why_not: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """GET ``paths`` of an app that have no more than parameters in them, and all its ``others``, each with a reason."""

    paths: tuple[str, ...] = ()
    others: tuple[Route, ...] = ()


@dataclass(slots=True)
class Module:
    """What one module says, by the names in it.

    ``apps``: those at its top, and functions as ``create()`` → the holder that it is or makes. ``holders``: apps and
    routers → their own prefix. ``routes``: of a holder. ``includes``: holder, what it includes, prefix.
    ``imports``: name → where it comes from, dotted.
    """

    apps: dict[str, str] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    routes: list[tuple[str, Route]] = field(default_factory=list)
    includes: list[tuple[str, str, str]] = field(default_factory=list)
    imports: dict[str, str] = field(default_factory=dict)


def apps_in(texts: Mapping[str, str]) -> dict[str, Routes]:
    """Each app of these modules (dotted name → text) as ``module:name``; of a function as ``module:create()``."""
    trees = {name: tree for name, text in texts.items() if (tree := _parsed(text)) is not None}
    known = _constants(trees.values())
    read = {name: _read(name, tree, known) for name, tree in trees.items()}
    modules = {name.removesuffix(PACKAGE): module for name, module in read.items()}
    return {
        f"{name}:{app}": _sorted_out(_routes(modules, (name, holder)))
        for name, module in modules.items()
        for app, holder in module.apps.items()
    }


def _sorted_out(routes: Iterable[Route]) -> Routes:
    each_once = tuple(dict.fromkeys(routes))
    paths = dict.fromkeys(route.path for route in each_once if not route.why_not)
    return Routes(paths=tuple(paths), others=tuple(route for route in each_once if route.why_not))


def _routes(
    modules: Mapping[str, Module], at: tuple[str, str], prefix: str = "", above: tuple[tuple[str, str], ...] = ()
) -> Iterator[Route]:
    """Routes of the holder ``at`` (module, name) and of those that it includes; ``above`` include it."""
    name, holder = at
    module = modules[name]
    prefix += module.holders[holder]
    yield from (route._replace(path=prefix + route.path or "/") for own, route in module.routes if own == holder)
    for own, included, more in module.includes:
        found = _find(modules, name, included) if own == holder else None
        if found is not None and found not in (*above, at):
            yield from _routes(modules, found, prefix + more, (*above, at))


def _find(modules: Mapping[str, Module], name: str, dotted: str, depth: int = 0) -> tuple[str, str] | None:
    """The module and the holder in it that a name means in a module."""
    module = modules[name]
    first, _, rest = dotted.partition(".")
    if not rest and first in module.holders:
        return name, first
    if first not in module.imports or depth > MAX_DEPTH:
        return None
    where, _, last = f"{module.imports[first]}.{rest}".strip(".").rpartition(".")
    other = next((each for each in modules if each == where or each.endswith(f".{where}")), None)
    return None if other is None else _find(modules, other, last, depth + 1)


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _constants(trees: Iterable[ast.Module]) -> dict[str, str]:
    """Names to which one text, and no other, is assigned anywhere."""
    found: dict[str, set[str]] = {}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                found.setdefault(target.id, set()).add(node.value.value)
    return {name: min(texts) for name, texts in found.items() if len(texts) == 1}


def _read(name: str, tree: ast.Module, known: Mapping[str, str]) -> Module:
    module = Module(apps=dict(_apps(tree)))
    for node in ast.walk(tree):
        if isinstance(node, Function):
            module.routes += _decorated(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            module.imports |= _imported(node, name.split("."))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            module.includes += _included(node, ast.unparse(node.func.value), node.func.attr, known)
    for target, call in _made(tree):
        prefix = _text(call, "prefix", known) if _kind(call) == ROUTER else ""
        if _kind(call) in (APP, ROUTER) and prefix is not None:
            module.holders[target] = prefix
    return module


def _made(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Names to which the result of a call is assigned."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                yield target.id, node.value


def _kind(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _apps(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The apps at the top of a module, also those that a function in it makes, and these functions."""
    makers: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, Function):
            inside = [name for name, call in _made(node) if _kind(call) == APP]
            if inside:
                makers[node.name] = inside[0]
            continue
        for name, call in _made(node):
            if _kind(call) == APP:
                yield name, name
            elif (maker := ast.unparse(call.func)) in makers:
                yield name, makers[maker]
    yield from ((f"{maker}()", name) for maker, name in makers.items())


def _imported(node: ast.Import | ast.ImportFrom, here: list[str]) -> dict[str, str]:
    if isinstance(node, ast.Import):
        tops = {each.name.partition(".")[0] for each in node.names if not each.asname}
        return {top: top for top in tops} | {each.asname: each.name for each in node.names if each.asname}
    above = here[: len(here) - node.level] if node.level else []
    origin = ".".join(filter(None, [*above, node.module]))
    return {each.asname or each.name: f"{origin}.{each.name}" for each in node.names}


def _included(call: ast.Call, holder: str, verb: str, known: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """``app.include_router(router, prefix="/v1")`` and ``app.mount("/v2", other)``, with a prefix that is known."""
    prefix = _text(call, "prefix", known)
    if verb == "include_router" and call.args and prefix is not None:
        yield holder, ast.unparse(call.args[0]), prefix
    elif verb == "mount" and len(call.args) > 1 and isinstance(path := call.args[0], ast.Constant):
        yield holder, ast.unparse(call.args[1]), str(path.value)


def _decorated(function: Function) -> Iterator[tuple[str, Route]]:
    for call in function.decorator_list:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and (by := call.func.attr) in METHODS:
            path = call.args[0] if call.args else None
            if isinstance(path, ast.Constant) and isinstance(path.value, str):
                why_not = _why_not(function, path.value) if by == "get" else NO_GET
                yield ast.unparse(call.func.value), Route(by.upper(), path.value, why_not)


def _why_not(function: Function, path: str) -> str:
    """Why a request needs more than the path, or is sent elsewhere rather than answered; "" where neither is so."""
    positional = function.args.args[: len(function.args.args) - len(function.args.defaults)]
    typed = [each.arg for each in positional if each.annotation and ast.unparse(each.annotation) in PLAIN_TYPES]
    names = {node.id for each in function.body for node in ast.walk(each) if isinstance(node, ast.Name)}
    if "RedirectResponse" in names:
        return REDIRECTS
    return "" if all(f"{{{name}" in path for name in typed) else QUERY


def _text(call: ast.Call, key: str, known: Mapping[str, str]) -> str | None:
    """The value of a keyword argument; "" without it, None where it is no text and no name of a ``known`` one."""
    value = next((each.value for each in call.keywords if each.arg == key), ast.Constant(""))
    if isinstance(value, ast.Name | ast.Attribute):
        return known.get(ast.unparse(value).rpartition(".")[2])
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None

"""Reads the user's locustfile inside Locust and refuses, with a sentence, what cannot be measured as asked."""

import os
import traceback
from pathlib import Path
from typing import Any

from locust.runners import WorkerNode
from locust.util.load_locustfile import load_locustfile, load_locustfile_pytest

from lab.errors import LoadError
from lab.load.arrivals import lane_classes
from lab.load.inside.clients import describe
from lab.load.inside.pytest_users import is_pytest_style
from lab.load.inside.status import NotThereError
from lab.load.load_plan import LoadPlan
from lab.units import count_of

MODULE_HINT = (
    "the locustfile runs in {root}: if the module is your own, name the folder that holds it in load.root; if it is a "
    "package, list it in load.requirements, or name an interpreter that has it and Locust in load.python"
)
FILE_HINT = "the locustfile runs in {root}: name the folder in which you would start Locust in load.root"

Contents = tuple[dict[str, Any], dict[str, Any], dict[str, Any], Any]
"""User classes, shape classes and tasks of each user class, by name, and the shape: what locust.main asks for."""


def read_locustfile(plan: LoadPlan) -> Contents:
    """Import the locustfile and choose its user classes. Raises LoadError."""
    users, shapes = _import(plan)
    if not users:
        hint = (
            "define a class based on HttpUser or FastHttpUser that is not abstract, or test functions with a fixture "
            "session or fastsession"
        )
        raise LoadError(f"{plan.locustfile} has no User class", hint)
    if unknown := sorted(set(plan.user_classes) - set(users)):
        hint = f"it has {', '.join(sorted(users))}: see load.users"
        raise LoadError(f"{plan.locustfile} has no user class {unknown[0]!r}", hint)
    if shapes and plan.open_model:
        hint = "remove load.rate to let the shape decide how many users there are, or remove the shape"
        raise LoadError(f"{plan.locustfile} has a LoadTestShape, which contradicts load.rate", hint)
    if reads := [type(shape).__name__ for shape in shapes if shape.use_common_options]:
        said = f"{reads[0]} reads users, spawn rate and run time (use_common_options), which the lab gives to no shape"
        raise LoadError(said, "write the numbers into the shape, or read them from an argument of your own (load.args)")
    chosen = {name: users[name] for name in users if not plan.user_classes or name in plan.user_classes}
    if not any(user.weight > 0 or user.fixed_count > 0 for user in chosen.values()):
        hint = "give one of them a weight or a fixed_count, or choose others with load.users"
        raise LoadError(f"every user class has weight 0: {', '.join(sorted(chosen))}", hint)
    tasks = {name: user.tasks for name, user in chosen.items()}
    return chosen, {type(shape).__name__: shape for shape in shapes}, tasks, shapes[0] if shapes else None


def _import(plan: LoadPlan) -> tuple[dict[str, Any], list[Any]]:
    try:
        users, shapes = load_locustfile(str(plan.locustfile))
        users = users or load_locustfile_pytest(str(plan.locustfile))
    except SyntaxError as error:
        raise LoadError(f"{error.filename}, line {error.lineno}: {error.msg}", "this is not valid Python") from error
    except (Exception, SystemExit) as error:
        raise _import_error(plan, error) from error
    return users, shapes


def _import_error(plan: LoadPlan, error: BaseException) -> LoadError:
    """The place in the locustfile, the error, and what to do when a module or a file is not found."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(plan.locustfile)]
    where = f"{plan.locustfile}, line {lines[-1]}" if lines else str(plan.locustfile)
    said, hint = f"{where}: {describe(error)}", "importing the locustfile failed"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return NotThereError(said, MODULE_HINT.format(root=plan.root), error.name.partition(".")[0])
    if (
        isinstance(error, FileNotFoundError)
        and isinstance(error.filename, str)
        and not Path(error.filename).is_absolute()
    ):
        return NotThereError(said, FILE_HINT.format(root=plan.root), error.filename)
    if isinstance(error, KeyError) and list(traceback.walk_tb(error.__traceback__))[-1][0].f_globals is vars(os):
        name = error.args[0]
        said = f"{where}: the variable {name} is not set in the environment"
        return LoadError(said, f"set it as for locust: {name}=… lab run …, or `set -a; . ./.env; set +a` before")
    return LoadError(said, hint)


def filter_tasks(plan: LoadPlan, environment: Any) -> None:
    """Leave only the tasks that the tags ask for. Raises LoadError when a user class has none left."""
    environment.tags = list(plan.tags) or None
    environment.exclude_tags = list(plan.exclude_tags) or None
    environment._filter_tasks_by_tags()
    for user_class in environment.user_classes:
        if not user_class.tasks and not is_pytest_style(user_class):
            because = " with these tags" if plan.tags or plan.exclude_tags else ""
            hint = (
                "tag a task of it (load.tags, load.exclude_tags), choose other user classes (load.users), or set "
                "abstract = True in one that only others are based on"
            )
            raise LoadError(f"user class {user_class.__name__} has no task{because}", hint)


def classes_of_lanes(plan: LoadPlan, environment: Any) -> tuple[str, ...]:
    """The user class of every lane of all load processes: Locust's own choice, by weight and fixed_count.

    Raises LoadError when a class gets no lane: its share of the work would silently be missing.
    """
    dispatcher = environment.dispatcher_class([WorkerNode("lab")], environment.user_classes)
    dispatcher.new_dispatch(plan.lanes, plan.lanes)
    sizes: dict[str, int] = next(dispatcher)["lab"]
    if without := [name for name, size in sizes.items() if not size]:
        hint = "use more connections (load.lanes), or choose the user classes with load.users"
        leave = "leaves" if plan.lanes == 1 else "leave"
        raise LoadError(f"{count_of(plan.lanes, 'connection')} {leave} none for user class {without[0]}", hint)
    classes = lane_classes(sizes)
    if len(classes) < plan.load_processes:
        hint = "raise the fixed_count of the user classes, or lower load.processes"
        few = count_of(len(classes), "connection")
        raise LoadError(f"{few} cannot be divided among {plan.load_processes} load processes", hint)
    return classes

"""``lab images``: what an app's image costs, one way to build it beside another."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.cli.console import put, put_json, say, shown
from lab.cli.options import AllowConcurrent, Json
from lab.engines.docker.connection import connect, describe
from lab.engines.images.measure import ImageCost, edited_file, measure_images
from lab.errors import UsageError
from lab.host.lock import machine_lock
from lab.record.run_types import told
from lab.scenario.app import App
from lab.units import format_bytes, format_seconds

LEAST_ROUNDS = 6  # before a median and its range say more than one number (METHOD 12)
SECONDS = {"cold_s": "build, cold", "warm_s": "build, warm", "edited_s": "build, one line edited", "import_s": "import"}
BYTES = {
    "shared_bytes": "layers shared",
    "unique_bytes": "layers of its own",
    "edit_bytes": "layers replaced by an edit",
}

Folder = Annotated[Path, typer.Argument(help="The folder to build images from.", show_default=False)]
Dockerfiles = Annotated[
    list[str],
    typer.Option("--dockerfile", help="A Dockerfile to build; repeatable. By default all Dockerfile*."),
]
Requirements = Annotated[
    Path | None,
    typer.Option("--requirements", help="Fetch the wheels of this file first, and build without network."),
]
Target = Annotated[str, typer.Option("--target", help="The app whose file is edited and whose import is timed.")]
Rounds = Annotated[int, typer.Option("--rounds", min=1, max=100, help="Builds of each kind, in turn.")]


def images(
    folder: Folder = Path(),
    dockerfile: Dockerfiles = [],  # noqa: B006  typer copies it
    requirements: Requirements = None,
    target: Target = "app.main:app",
    rounds: Rounds = LEAST_ROUNDS,
    allow_concurrent: AllowConcurrent = False,
    json: Json = False,
) -> None:
    """Compare what images of a folder cost: seconds to build cold, warm and after an edit, bytes, import time.

    Cold means without any layer of an earlier build, but with the base image
    here; edited means with one more line in the app's file. Bytes are those of
    layers: shared with another image or with the base, or the image's own.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", "name the folder that holds your Dockerfile")
    if requirements is not None and not requirements.is_file():
        raise UsageError(f"--requirements: {requirements} cannot be read", "name a file; the path is relative to here")
    apps = [_app(folder, name, requirements, target) for name in dockerfile or _found(folder)]
    for app in apps:
        edited_file(app)
    client = connect()
    with machine_lock("lab images", say, allow_concurrent=allow_concurrent):
        costs = measure_images(client, apps, rounds, say)
    if json:
        built = [dataclasses.asdict(each) for each in costs]
        put_json({"engine": told(describe(client)), "rounds": rounds, "images": built})
    else:
        _print(costs, rounds, str(describe(client).storage_driver))


def _found(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.glob("Dockerfile*") if not path.name.endswith(".dockerignore"))
    if not names:
        raise UsageError(f"{folder} has no Dockerfile", "name the folder of your app, or its file with --dockerfile")
    return names


def _app(folder: Path, dockerfile: str, requirements: Path | None, target: str) -> App:
    if not (folder / dockerfile).is_file():
        raise UsageError(f"--dockerfile: {folder} has no {dockerfile}", f"it has {', '.join(_found(folder))}")
    try:
        return App(build=folder, dockerfile=dockerfile, requirements=requirements, target=target)
    except ValidationError:
        raise UsageError(f"--target: {target!r} is no module:name", "as uvicorn takes it: app.main:app") from None


def _print(costs: Sequence[ImageCost], rounds: int, driver: str) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for cost in costs:
        table.add_column(Text(shown(cost.dockerfile)), justify="right", no_wrap=True)
    for key, title in SECONDS.items():
        table.add_row(title, *(_middle(getattr(cost, key), format_seconds) for cost in costs))
    for key, title in BYTES.items():
        table.add_row(title, *(format_bytes(getattr(cost, key)) for cost in costs))
    Console(highlight=False).print(table)
    network = "without network" if all(cost.offline for cost in costs) else "with the network"
    how = f"medians of {rounds} rounds in turn (least to most)" if rounds > 1 else "one round"
    put(f"{how}, {network}; storage driver {driver}")
    if rounds < LEAST_ROUNDS:
        put(f"fewer than {LEAST_ROUNDS} rounds: a look, not a comparison")


def _middle(values: Sequence[float], words: Callable[[float], str]) -> str:
    if len(values) == 1:
        return words(values[0])
    low, high = words(min(values)), words(max(values))
    number, _, unit = low.rpartition(" ")
    return f"{words(median(values))} ({number if high.endswith(f' {unit}') else low}–{high})"

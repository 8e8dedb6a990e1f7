"""The options that describe an app to `lab init` and `lab quick`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.answers import Asked
from lab.starter.guesses import Wanted
from lab.starter.packages import DOCKERFILE
from lab.starter.write import MEASURE, WARMUP

LEAST_PROCESSES, MOST_PROCESSES = 2, 4  # with one there is nothing to share; more than four are a choice
DEFAULT_PROCESSES = min(MOST_PROCESSES, max(LEAST_PROCESSES, os.cpu_count() or 1))

Image = Annotated[str, typer.Option("--image", help="An image that is already built, name:tag.")]
Folder = Annotated[Path | None, typer.Option("--folder", help="Instead of --image: the folder of your app.")]
ComposeFile = Annotated[
    Path | None, typer.Option("--compose", help="Instead of --image: the compose.yaml that starts your app.")
]
ServiceName = Annotated[str, typer.Option("--service", help="With --compose: the service to compare.")]
Profiles = Annotated[
    list[str] | None, typer.Option("--profile", help="With --compose: a profile to switch on; repeatable.")
]
DockerfileName = Annotated[str, typer.Option("--dockerfile", help="With --folder: the name of the Dockerfile.")]
StageName = Annotated[
    str, typer.Option("--stage", help="With --folder: the stage to build, like docker build --target.")
]
Target = Annotated[str, typer.Option("--target", help="The app that uvicorn serves, module:name.")]
Command = Annotated[
    str,
    typer.Option(
        "--command", help="Instead of --target: your start command; its host, port and workers become placeholders."
    ),
]
Port = Annotated[
    int | None,
    typer.Option("--port", min=1, max=65535, help="With --command: the port in it; the lab chooses ports itself."),
]
ReadyPath = Annotated[str, typer.Option("--ready-path", help="The path that answers 200 when the app is ready.")]
Paths = Annotated[list[str] | None, typer.Option("--path", "--url", help="A path or URL to load; repeatable.")]
OwnLocustfile = Annotated[
    Path | None, typer.Option("--locustfile", help="Instead of --path: your own locustfile, used as it is.")
]
Processes = Annotated[
    int,
    typer.Option(
        "--processes",
        min=1,
        max=512,
        show_default=f"the cores of this machine, {LEAST_PROCESSES} to {MOST_PROCESSES}",
        help="How many serving processes each arm has.",
    ),
]
Warmup = Annotated[str, typer.Option("--warmup", help="How long each trial warms up, at least.")]
Measure = Annotated[str, typer.Option("--measure", help="How long each trial measures.")]


def asked_of(
    image: Image = "",
    folder: Folder = None,
    compose: ComposeFile = None,
    service: ServiceName = "",
    profile: Profiles = None,
    dockerfile: DockerfileName = DOCKERFILE,
    stage: StageName = "",
    target: Target = "",
    command: Command = "",
    port: Port = None,
    ready_path: ReadyPath = "",
    path: Paths = None,
    locustfile: OwnLocustfile = None,
    processes: Processes = DEFAULT_PROCESSES,
    warmup: Warmup = WARMUP,
    measure: Measure = MEASURE,
) -> Asked:
    """Take the options together; their defaults and help texts are only here."""
    return Asked(
        image=image,
        folder=folder,
        compose=compose,
        service=service,
        profiles=profile or (),
        wanted=Wanted(port=port, target=target, dockerfile=dockerfile, stage=stage),
        command=command,
        ready_path=ready_path,
        paths=path or (),
        locustfile=locustfile,
        processes=processes,
        warmup=warmup,
        measure=measure,
    )

"""``lab serve``: all runs of a folder in the browser; Ctrl-C ends it."""

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.console import put, say
from lab.cli.options import DEFAULT_OUT
from lab.cli.signals import ending_quietly
from lab.errors import UsageError
from lab.serve.server import Server

DEFAULT_PORT = 8642
Folder = Annotated[Path, typer.Argument(help="The folder that holds the run folders and bundles.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")]


def serve(folder: Folder = DEFAULT_OUT, port: Port = DEFAULT_PORT) -> None:
    """Show all runs of a folder in the browser, with their reports and trends; on this machine only, until Ctrl-C."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no folder", "name the one in which your runs are; `lab run` makes runs/")
    with ending_quietly(), Server(folder, port) as server:
        put(server.url)
        say("Ctrl-C ends it")
        server.serve_forever()

"""``lab bundle RUN``: one zip of a run folder, to hand on."""

import os
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.console import put
from lab.cli.options import RunFolderPath
from lab.errors import RunFolderError, UsageError
from lab.host.lock import folder_is_free
from lab.record.bundle import write_bundle
from lab.record.bundle_reading import BUNDLE
from lab.record.folder import read_info
from lab.scenario.secrets_of import redactors_of_environment
from lab.units import format_bytes

BundleOut = Annotated[
    Path | None, typer.Option("--out", help="The zip file; by default RUN.zip in this folder.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]


def bundle(run: RunFolderPath, out: BundleOut = None, force: Force = False) -> None:
    """Pack a run folder into one zip to share, which `lab report` and others read; refuse if it contains a secret."""
    if run.is_file():
        raise UsageError(f"{run}: a file, not a run folder", "a bundle is one already: copy it")
    target = out or Path(f"{run.resolve().name}{BUNDLE}")
    info = read_info(run)
    _check_target(target, run, force=force)
    if not folder_is_free(run):
        raise RunFolderError(f"{run} is being written by another lab", "wait until it has ended")
    secrets = redactors_of_environment(info.parsed_scenario, os.environ)
    write_bundle(run, target, secrets)
    put(f"{target} ({format_bytes(target.stat().st_size)})")


def _check_target(target: Path, run: Path, *, force: bool) -> None:
    if target.suffix != BUNDLE:
        raise UsageError(f"--out {target}: no name of a zip file", f"let it end in {BUNDLE}")
    if target.is_dir() or not target.parent.is_dir():
        raise UsageError(f"--out {target}: no place for a file", "name a file in a folder that exists")
    if run.resolve() in target.resolve().parents:
        raise UsageError(f"--out {target}: inside the run folder, which holds nothing else", "choose another folder")
    if (target.exists() or target.is_symlink()) and not force:
        raise UsageError(f"{target} exists already", "choose another name with --out, or say --force")

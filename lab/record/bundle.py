"""HUB: one zip of a run folder, to hand on. The same folder gives the same bytes; only what a run writes is in it."""

import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import polars as pl

from lab.errors import RunFolderError
from lab.plan.points import TRIAL_ID
from lab.record.bundle_reading import checked_entries
from lab.record.disk import disk_errors
from lab.record.reading import open_regular, read_info, read_trials
from lab.record.schema import KEPT
from lab.scenario.secret import NO_SECRETS, Redactor

INSIDE = r"((?:confirm|limits|pilot)/[A-Za-z0-9][A-Za-z0-9_.-]*/)?"  # runs inside the run
TRIAL = f"trials/{TRIAL_ID}"
REPORT = r"report\.(html|md)|comparison\.json|figures/[A-Za-z0-9_.-]+\.svg|tables/[A-Za-z0-9_.-]+\.csv"
WRITTEN = re.compile(
    rf"{INSIDE}(run\.json|{REPORT})|points/[A-Za-z0-9][A-Za-z0-9_.-]*/({REPORT})"
    rf"|{INSIDE}{TRIAL}/(record\.json|SHA256SUMS|steps\.jsonl|[A-Za-z0-9_-][A-Za-z0-9_.-]*\.log|({'|'.join(KEPT)})\.parquet)"
    rf"|{INSIDE}{TRIAL}\.failed(-\d+)?(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+",  # whatever can explain the failure
    re.ASCII,
)
LEFT_OUT = frozenset({".lock"})  # says who writes the folder, and is of no use elsewhere
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,150}", re.ASCII)
NO_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
PLAIN_FILE = (stat.S_IFREG | 0o644) << 16
UNIX = 3
CHUNK = 1 << 20
URL = "a password in an address"


def write_bundle(run: Path, out: Path, secrets: Mapping[str, Redactor]) -> None:
    """Write the zip ``out`` of a run folder, whole or not at all; an older one is replaced.

    ``secrets``: variable → what finds its value. Raises RunFolderError (exit 2) when the folder holds a link, a special
    file, a file that no run writes, a secret in the clear, or a finished trial that is not as it was written;
    MissingError (exit 4) when the disk is full.
    """
    info = read_info(run)
    if RUN_ID.fullmatch(info.run_id) is None:
        raise RunFolderError(f"{run / 'run.json'}: run_id: no lab calls a run so", "bundle a folder that a lab wrote")
    names = sorted(_files_in(run))
    for name in names:
        if variable := shown_secret(run / name, secrets):
            raise RunFolderError(
                f"{run / name}: holds {variable} in the clear",
                "remove it there, or run the scenario again with the value in `env`, where it is masked; "
                "a variable that is no secret can be taken out of the environment: env -u NAME lab bundle …",
            )
    for _trial in read_trials(run, info):  # one that is missing is refused as a damaged one is
        pass
    draft = out.with_name(f".{out.name}.{os.getpid()}.part")
    with disk_errors(out):
        try:
            _write(draft, run, info.run_id, names)
            with ZipFile(draft) as bundle:
                checked_entries(bundle, draft)  # a bundle that is refused where it is read is of no use
            draft.replace(out)
        finally:
            draft.unlink(missing_ok=True)


def _write(draft: Path, run: Path, run_id: str, names: list[str]) -> None:
    with draft.open("xb") as file:
        with ZipFile(file, "w", ZIP_DEFLATED) as bundle:
            for name in names:
                entry = ZipInfo(f"{run_id}/{name}", NO_DATE)
                entry.create_system, entry.external_attr, entry.compress_type = UNIX, PLAIN_FILE, ZIP_DEFLATED
                with open_regular(run / name) as source:
                    entry.file_size = os.fstat(source.fileno()).st_size
                    with bundle.open(entry, "w") as target:
                        shutil.copyfileobj(source, target, CHUNK)
        file.flush()
        os.fsync(file.fileno())


def _files_in(run: Path, inside: str = "") -> Iterator[str]:
    """The names of all files below a run folder, from there. Raises RunFolderError for what no run writes."""
    with os.scandir(run / inside) as found:
        for each in found:
            name = f"{inside}{each.name}"
            if each.is_symlink() or not (each.is_dir() or each.is_file()):
                raise RunFolderError(
                    f"{run / name}: a link or a special file, and a run folder holds none",
                    "remove it, or replace it by what it points to",
                )
            if each.is_dir():
                yield from _files_in(run, f"{name}/")
            elif WRITTEN.fullmatch(name):
                yield name
            elif re.sub(INSIDE, "", name, count=1) not in LEFT_OUT:
                raise RunFolderError(
                    f"{run / name}: no file of a finished run", "move it away; `lab clean` removes halves of trials"
                )


def shown_secret(path: Path, secrets: Mapping[str, Redactor]) -> str:
    """The variable whose value a file of a run shows, or ``URL``; "" for none. Raises RunFolderError."""
    words = {word: f"the value of {variable}" for variable, redact in secrets.items() for word in redact.words}
    for text in _texts_in(path):
        if found := next((variable for word, variable in words.items() if word in text), ""):
            return found
        if NO_SECRETS(text) != text:
            return URL
    return ""


def _texts_in(path: Path) -> Iterator[str]:
    """What is written in a file: line by line, as it may be larger than memory, or every different cell."""
    if path.suffix != ".parquet":
        with open_regular(path) as file:
            yield from (line.decode(errors="surrogateescape") for line in file)
        return
    try:
        table = pl.scan_parquet(path, glob=False)
        for column in (name for name, kind in table.collect_schema().items() if kind == pl.String):
            yield from table.select(pl.col(column).drop_nulls().unique()).collect()[column]
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise RunFolderError(
            f"{path}: not a readable Parquet file, so nobody knows what it shows: {reason}", "restore it from a copy"
        ) from None

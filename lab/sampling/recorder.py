"""The raw rows of one trial on disk while it runs: one CSV file a table, written after every reading."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import MissingError
from lab.record.schema import NAMES, SAMPLED, CgroupRow, ConnectionRow, HostRow, ProcessRow, ThreadRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of one round."""

    processes: list[ProcessRow]
    cgroups: list[CgroupRow]
    host: HostRow
    threads: list[ThreadRow] = field(default_factory=list)
    connections: list[ConnectionRow] = field(default_factory=list)


class Recorder:
    """Appends readings; what was appended is with the kernel when ``append`` returns, so that a kill loses nothing."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory = directory
        with self._disk():
            # Unbuffered: closing a file that still holds what a full disk did not take would fail a second time.
            self._files = {
                name: stack.enter_context((directory / f"{name}.csv").open("wb", buffering=0)) for name in SAMPLED
            }
            for name in SAMPLED:
                self._write(name, [NAMES[name]])

    def append(self, rows: Rows) -> None:
        """Write one round. Raises MissingError when the disk is full."""
        with self._disk():
            self._write("processes", rows.processes)
            self._write("cgroups", rows.cgroups)
            self._write("host", [rows.host])
            self._write("threads", rows.threads)
            self._write("connections", rows.connections)

    def append_look(self, rows: Sequence[ProcessRow]) -> None:
        """Write what a look at a process gave. Raises MissingError when the disk is full."""
        with self._disk():
            self._write("processes", rows)

    def _write(self, name: str, rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        unwritten = text.getvalue().encode(errors="replace")
        while unwritten:
            unwritten = unwritten[self._files[name].write(unwritten) :]

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MissingError(
                f"the sampler cannot write to {self._directory}: {error.strerror}",
                "free some space or choose another folder with --out; finished trials are kept",
            ) from error


@contextmanager
def recorder(directory: Path) -> Iterator[Recorder]:
    """Open the files of one trial in an existing folder."""
    with ExitStack() as stack:
        yield Recorder(directory, stack)

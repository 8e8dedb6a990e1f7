"""A run to be read: its folder, or that of a bundle, which is unpacked for as long as it is read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError
from lab.host.places import scratch
from lab.record.bundle_reading import BUNDLE, everything, unpack


@contextmanager
def opened_run(path: Path, wanted: Callable[[str], bool] = everything) -> Iterator[Path]:
    """The folder of a run; that of a bundle is unpacked, those files whose names are ``wanted``, and removed again.

    What readers say about the unpacked folder is said of the bundle. Raises RunFolderError (exit 2), MissingError.
    """
    if not path.is_file():
        yield path
        return
    with scratch("bundle") as place:
        root = unpack(path, place, wanted)
        try:
            yield root
        except LabError as error:
            error.args = (str(error).replace(str(root), str(path)),)
            error.hint = error.hint.replace(str(root), str(path))
            raise


def report_folder(path: Path) -> Path:
    """Where the reports of a run are written: in its folder; of a bundle in a folder beside it."""
    return path.with_name(f"{path.name.removesuffix(BUNDLE)}-report") if path.is_file() else path

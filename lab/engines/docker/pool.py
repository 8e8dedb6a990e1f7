"""A parent cgroup that limits the sum of an arm's containers: what the budget calls ``pooled`` (METHOD 5)."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from lab.errors import MissingError
from lab.scenario.budget import Limits

PARENT = "process-model-lab"
PERIOD_US = 100_000
CGROUP_ROOT = Path("/sys/fs/cgroup")
BUSY_S = 60.0  # so long a busy kernel may keep one for a process that has been killed and not yet reaped
LOOK_S = 0.05


@contextmanager
def pooled_parent(name: str, limits: Limits, driver: str, root: Path = CGROUP_ROOT) -> Iterator[str]:
    """The ``cgroup_parent`` for the arm's containers: made with its limits, removed on leaving; "" when unlimited.

    Raises MissingError where the lab cannot, or may not, make cgroups.
    """
    if limits.unlimited:
        yield ""
        return
    if driver != "cgroupfs":
        raise MissingError(
            f"pooled budgets need Docker's cgroupfs driver, this engine uses {driver!r}",
            'use "split:" in [budget], or start dockerd with --exec-opt native.cgroupdriver=cgroupfs',
        )
    try:
        try:
            _make(name, limits, root)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            raise MissingError(
                f"pooled budgets need a cgroup of the lab's own, which cannot be made: {error.strerror}{where}",
                f'use "split:" in [budget], or run as root where {root} can be written to',
            ) from None
        yield f"/{PARENT}/{name}"
    finally:
        remove(name, root)


def check_pool(run_id: str, limits: Limits, driver: str, elsewhere: str, root: Path = CGROUP_ROOT) -> None:
    """Try the parent cgroup that every trial will have. Raises MissingError, before anything is built.

    ``elsewhere``: why the engine is not this machine's, "" if it is. A cgroup made here limits nothing there.
    """
    if elsewhere and not limits.unlimited:
        raise MissingError(f"pooled budgets take a cgroup of this machine, but {elsewhere}", 'use "split:" in [budget]')
    with pooled_parent(f"{run_id}-try", limits, driver, root):
        pass


def leftovers(root: Path = CGROUP_ROOT) -> list[str]:
    """Names of parent cgroups that are still there, in any hierarchy."""
    tops = [hierarchy / PARENT for hierarchy in _hierarchies(root)]
    return sorted({child.name for top in tops if top.is_dir() for child in top.iterdir() if child.is_dir()})


def remove(name: str, root: Path = CGROUP_ROOT) -> None:
    """Remove the parent cgroup ``name`` from every hierarchy: Docker mirrors it into those that we did not make.

    Raises MissingError without the right to do so (it is another user's, most likely root's), and where it is in use.
    """
    for hierarchy in _hierarchies(root):
        directory = hierarchy / PARENT / name
        if directory.is_dir():
            try:
                _remove_tree(directory)
            except PermissionError:
                raise MissingError(
                    f"cgroup {directory} cannot be removed: it is not this user's", "run `lab clean` as root"
                ) from None
            except OSError as error:
                raise MissingError(
                    f"cgroup {error.filename or directory} cannot be removed: {error.strerror}",
                    "end what runs in it (its cgroup.procs lists the ids), then `lab clean`",
                ) from None


def _remove_tree(directory: Path) -> None:
    for child in _inside(directory):
        _remove_one(child)
    _remove_one(directory)
    if not _inside(directory.parent):
        with suppress(OSError):  # another lab may have made one in it since: the folder of all labs is then kept
            directory.parent.rmdir()


def _inside(directory: Path) -> list[Path]:
    try:
        return [path for path in directory.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []


def _remove_one(directory: Path) -> None:
    """Docker, which comes back or removes a container meanwhile, may be the first to remove it."""
    until_s = monotonic() + BUSY_S
    while True:
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or monotonic() > until_s:
                raise
            sleep(LOOK_S)
        else:
            return


def _make(name: str, limits: Limits, root: Path) -> None:
    unified = _unified(root)
    for hierarchy in [root] if unified else [root / "cpu", root / "memory"]:
        directory = hierarchy / PARENT / name
        directory.mkdir(parents=True, exist_ok=True)
        if unified:
            for parent in (root, root / PARENT, directory):  # a controller works only where every parent passes it on
                (parent / "cgroup.subtree_control").write_text("+cpu +memory")
    for path, value in limit_files(name, limits, root):
        if path.exists() or not ("swap" in path.name or "memsw" in path.name):  # kernels without swap accounting
            path.write_text(value)


def limit_files(name: str, limits: Limits, root: Path) -> list[tuple[Path, str]]:
    """Every (file, text) that sets the limits, in the order in which they must be written."""
    quota = None if limits.cpus is None else str(round(limits.cpus * PERIOD_US))
    memory = None if limits.memory_bytes is None else str(limits.memory_bytes)
    files: list[tuple[Path, str]] = []
    if _unified(root):
        directory = root / PARENT / name
        if quota is not None:
            files.append((directory / "cpu.max", f"{quota} {PERIOD_US}"))
        if memory is not None:
            files += [(directory / "memory.max", memory), (directory / "memory.swap.max", "0")]
        return files
    cpu, mem = root / "cpu" / PARENT / name, root / "memory" / PARENT / name
    if quota is not None:
        files += [(cpu / "cpu.cfs_period_us", str(PERIOD_US)), (cpu / "cpu.cfs_quota_us", quota)]
    if memory is not None:
        files += [(mem / "memory.limit_in_bytes", memory), (mem / "memory.memsw.limit_in_bytes", memory)]
    return files


def _hierarchies(root: Path) -> list[Path]:
    if _unified(root):
        return [root]
    below = sorted(root.iterdir()) if root.is_dir() else []  # another system than Linux has none
    return [path for path in below if path.is_dir() and not path.is_symlink()]


def _unified(root: Path) -> bool:
    return (root / "cgroup.controllers").exists()

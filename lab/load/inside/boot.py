"""Runs a module of the lab where a locustfile will live: ``python -P …/boot.py MODULE ARGUMENT…``.

A locustfile finds what it would find under plain Locust. The lab's folder is on no path, because beside ``lab`` may
lie other packages, of names that the locustfile's project uses too. The interpreter need not have the lab installed.
"""

import importlib.util
import runpy
import site
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

NAME = "lab"
PACKAGE = Path(__file__).resolve().parents[2]


class OwnModules:
    """The lab's modules, kept apart from those of the locustfile: a project may have a package ``lab`` of its own."""

    def __init__(self) -> None:
        self._kept: dict[str, ModuleType] = {}

    def hide(self) -> None:
        """Let ``import lab`` find the project's own from now on; what is imported already goes on."""
        self._kept = _taken()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Let the lab import its own inside the block, in which no code of the locustfile may run."""
        theirs = _taken()
        sys.modules.update(self._kept)
        try:
            yield
        finally:
            self._kept = _taken()
            sys.modules.update(theirs)


def _taken() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name == NAME or name.startswith(f"{NAME}.")]
    return {name: sys.modules.pop(name) for name in names}


def import_package() -> None:
    """Import ``lab`` from its own folder, and take the folder that holds it off the path."""
    holder = str(PACKAGE.parent)
    if holder not in (*site.getsitepackages(), site.getusersitepackages()):
        sys.path[:] = [folder for folder in sys.path if folder != holder]
    spec = importlib.util.spec_from_file_location(
        NAME, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{PACKAGE} is no package")
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    import_package()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

"""Pictures of a report before and after: `python -m tests.before_after REVISION [RUN]` makes them in artifacts/.

The run, that which is recorded in version 1 unless another one is named, is reported by the lab of an earlier revision
and by this one. An earlier lab cannot read a run that is newer than it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

REPOSITORY = Path(__file__).parent.parent
ARTEFACTS = REPOSITORY / "artifacts"
RECORDED = REPOSITORY / "tests" / "unit" / "data" / "run_v1"
WIDTHS = 390, 1400
HEIGHT = 900  # of the first screen
MOST = 12_000  # pixels of a page


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """The files of a revision, in a work tree that is removed afterwards."""
    with TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, revision], cwd=REPOSITORY, check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=REPOSITORY, check=True)


def reported(run: Path, tree: Path, into: Path) -> Path:
    """The page that the lab in a tree makes of a copy of the run."""
    copy = Path(shutil.copytree(run, into))
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = [sys.executable, "-m", "lab", "report", str(copy)]
    subprocess.run(done, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)
    return copy / "report.html"


def picture(page_file: Path, name: str) -> Iterator[Path]:
    """The first screen and the whole page at each width."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width in WIDTHS:
            page = browser.new_page(viewport={"width": width, "height": HEIGHT})
            page.goto(page_file.as_uri())
            for what, clip in (("first", HEIGHT), ("whole", min(MOST, page.evaluate("document.body.scrollHeight")))):
                path = ARTEFACTS / f"{name}-{what}-{width}.png"
                page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": clip})
                yield path
        browser.close()


def main(revision: str, run: Path = RECORDED) -> None:
    """Make the pictures and print their paths."""
    ARTEFACTS.mkdir(exist_ok=True)
    with checked_out(revision) as tree, TemporaryDirectory() as folder:
        for name, lab in (("before", tree), ("after", REPOSITORY)):
            for path in picture(reported(run, lab, Path(folder) / name), name):
                sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))

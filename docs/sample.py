"""Make the sample report of the site, docs/sample/report.html: ``python docs/sample.py [RUN]``, without one from the
recorded run whose figures the tutorial and the FAQ show. It is no source: whoever builds the site makes it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from lab.run.conclude import conclude

DOCS = Path(__file__).parent
RECORDED = DOCS / "recorded" / "quickstart.zip"  # as `lab bundle` packed it
SAMPLE = Path("sample", "report.html")  # where the pages of the site link to


def write_sample(run: Path = RECORDED, docs: Path = DOCS) -> Path:
    """Draw the report of a run with this version of the lab; the run stays as it is. Raises RunFolderError."""
    target = docs / SAMPLE
    with tempfile.TemporaryDirectory() as folder:
        written = conclude(run, into=Path(folder)).written
        target.parent.mkdir(exist_ok=True)
        shutil.copy(written.html, target)
    return target


if __name__ == "__main__":
    write_sample(*map(Path, sys.argv[1:2]))

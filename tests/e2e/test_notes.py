"""An app with a database, a cache and migrations, from its scenario to a report (docs/howto/database.md)."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

from tests.e2e.conftest import OF_AN_EXAMPLE, REPOSITORY, check_done, quick, run_beside_others

pytestmark = OF_AN_EXAMPLE


def test_an_app_with_a_database_is_compared(tmp_path: Path) -> None:
    """Every request passes through the database or the cache; neither is in a sum of an arm; nothing shows a secret."""
    notes = shutil.copytree(REPOSITORY / "examples" / "notes", tmp_path / "notes")
    (notes / "notes" / "end_to_end.py").touch()  # another image than the integration tests deploy beside it
    run_beside_others(quick(notes / "scenario.toml"), "--blocks", 1, "--out", tmp_path / "runs")

    (run,) = (tmp_path / "runs").iterdir()
    check_done(run)
    record = json.loads((run / "trials" / "b01-replicas" / "record.json").read_text())
    assert {service["name"] for service in record["services"] if service["kind"] == "sidecar"} == {"db", "cache"}
    assert [job["name"] for job in record["jobs"]] == ["migrate"]
    assert (run / "trials" / "b01-replicas" / "db.log").is_file()
    with (run / "tables" / "sidecars.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["sidecar"], row["beside"]) for row in rows} == {
        (sidecar, arm) for sidecar in ("db", "cache") for arm in ("workers", "workers-nginx", "replicas")
    }
    texts = [path.read_bytes() for path in run.rglob("*") if path.is_file()]
    assert not any(b"only-for-trials" in text for text in texts)

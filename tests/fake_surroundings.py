"""A whole run without Docker: the fakes of tests/fakes.py behind what `lab run` and `lab selfcheck` touch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.engines.images.images import ImageRecord, Way
from lab.plan.arm_topology import NOMINAL
from lab.record.folder import read_info
from lab.record.run_types import told
from lab.record.types import Environment
from lab.report.files import TERMINAL_WIDTH, Written
from lab.run.conclude import Conclusion, conclude
from lab.run.floors import KeptFloor
from lab.run.inside import points_in
from lab.run.surroundings import Surroundings
from lab.scenario.budget import Budget
from lab.scenario.compare import Compare
from lab.scenario.model import App, Arm, Load, Scenario
from lab.scenario.trials import Trials
from tests.fakes import World

FACTS = {"machine": "abc", "kernel": "6.1", "cpu_count": 2, "memory_bytes": 8 * 1024**3, "engine": "fake"}


@dataclass
class FakeSurroundings:
    """One machine with one image; tests change either between two runs."""

    world: World = field(default_factory=World)
    facts: Mapping[str, Any] = field(default_factory=lambda: dict(FACTS))
    digest: str = "sha256:one"
    floor: KeptFloor | None = None
    elsewhere: str = ""
    pins: bool = False

    def make(self) -> Surroundings:
        """What the commands take."""
        image = ImageRecord(
            name="shop:1",
            id=self.digest,
            digest=self.digest,
            origin=Way.PRESENT,
            detail="",
            versions={"uvicorn": "0.54.0"},
        )
        return Surroundings(
            look=lambda scenario, _say: scenario,
            elsewhere=lambda _scenario, _run_id: self.elsewhere,
            pins=lambda _scenario, _run_id: self.pins,
            open_engine=lambda _scenario, _run_id, _on_step: (self.world.engine, {"app": image}),
            describe=lambda engine, app: Environment(facts={**told(engine), **app, **self.facts}),
            floors=lambda _environment, _scenario: self.floor,
            certify=lambda _scenario: NOMINAL,
            attest_fronts=lambda _engine, _scenario, _say, _certificate, _place: {},
            conclude=conclude,
            lock=lambda _run_id, _say: nullcontext(),
            tools=self.world.tools,
        )


def judged(path: Path, *, width: int = TERMINAL_WIDTH) -> Conclusion:
    """As ``conclude``, without drawing the reports, which takes most of its time: for whom looks at none of them."""
    run = read_info(path)
    html, markdown, comparison = (path / name for name in ("report.html", "report.md", "comparison.json"))
    written = Written(html=html, markdown=markdown, comparison=comparison, terminal="", summary="")
    return Conclusion(folder=path, run=run, points=points_in(path, run), written=written)


def shop(folder: Path, blocks: int = 2) -> Scenario:
    """Two arms of an image that exists nowhere; the time until ready is judged, which the fakes have."""
    locustfile = folder / "locustfile.py"
    locustfile.write_text("# nothing to do\n")
    return Scenario(
        question="Which?",
        app=App(image="shop:1"),
        arms=(
            Arm(name="workers", model="workers", front="direct"),
            Arm(name="replicas", model="replicas", front="nginx"),
        ),
        budget=Budget(processes=2),
        load=Load(locustfile=locustfile, rate=100.0, warmup=1.0, measure=1.5),
        trials=Trials(blocks=blocks, seed=1),
        compare=Compare(baseline="workers", primary=("boot",)),
    )

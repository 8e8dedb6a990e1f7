"""What a run's comparison.json tells, read again: for those who list many runs and open no table."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lab.analysis.blocks import replacements_allowed
from lab.errors import RunFolderError
from lab.metrics import METRICS
from lab.record.reading import MAX_JSON_BYTES, read_regular

COMPARISON = "comparison.json"


class Part(BaseModel):
    """The base of all of them: what else the document holds is passed over, so that other versions are read too."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ToldBlocks(Part):
    """The blocks that count, as in ``BlocksEntry``."""

    planned: int
    valid: tuple[int, ...]
    valid_for: dict[str, tuple[int, ...]] = {}
    invalid: tuple[int, ...] = ()


class ToldAnswer(Part):
    """How one judged arm stands."""

    outcome: str
    sentence: str


class ToldMetric(Part):
    """One metric of one arm: the median over the valid blocks, and every block's value; stored units."""

    metric: str
    arm: str
    median: float | None
    blocks: dict[int, float | None] = {}


class ToldVerdict(Part):
    """A metric that was judged."""

    metric: str


class Told(Part):
    """The result of a run, in keys, numbers and sentences."""

    arms: tuple[str, ...]
    blocks: ToldBlocks
    answer: tuple[ToldAnswer, ...] = ()
    verdicts: tuple[ToldVerdict, ...] = ()
    metrics: tuple[ToldMetric, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Tell whether the run can claim anything: some block counts, and no more were lost than may be replaced."""
        return bool(self.blocks.valid) and len(self.blocks.invalid) <= replacements_allowed(self.blocks.planned)

    def of(self, metric: str) -> dict[str, ToldMetric]:
        """A metric by arm."""
        return {each.arm: each for each in self.metrics if each.metric == metric}

    def counted(self, found: ToldMetric) -> tuple[float, ...]:
        """The values of a metric in the blocks that are valid for it."""
        family = METRICS[found.metric].group.family if found.metric in METRICS else ""
        valid = self.blocks.valid_for.get(family, self.blocks.valid)
        return tuple(value for block, value in found.blocks.items() if block in valid and value is not None)


def read_told(folder: Path) -> Told | None:
    """What the report of a run said; None where there is none that can be read, as of a run that goes on."""
    path = folder / COMPARISON
    try:
        return Told.model_validate_json(read_regular(path, MAX_JSON_BYTES))
    except (RunFolderError, ValidationError):
        return None

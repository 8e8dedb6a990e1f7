"""One trial as it is planned."""

from dataclasses import dataclass

from lab.plan.points import Point
from lab.scenario.model import Arm, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One fresh deployment of one arm + one load run at one point of the run.

    ``block`` counts from 1, ``position`` from 0 inside the block.
    """

    id: str
    point: Point
    block: int
    position: int
    arm: Arm
    schedule_seed: int
    setup_seed: int

    @property
    def scenario(self) -> Scenario:
        """The scenario as its point has it."""
        return self.point.scenario

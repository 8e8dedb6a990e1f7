"""The parts of a decision card: lines of evidence, counted facts, where a winner changes, and a reader's weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab.analysis.across import Difference
from lab.analysis.conclusion import Standing
from lab.analysis.judge.verdict import Judgement
from lab.analysis.sweep import Demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One metric of one arm against the baseline, at one point of one run. ``winner`` is "" where none is shown.

    ``valid``: whether the run says anything of such metrics. ``standing`` tells what it says; an exploratory metric has
    a number and an interval, and no winner. ``verb``: the fault, in a drill. ``setting``: what the point has, in
    words, of each key that the run sweeps; ``conditions`` what the run has of others, where the runs of the card
    differ; ``values`` where the run is on each axis, as the values of that axis are in order.
    ``unsustained``: the arms whose capacity a longer run did not confirm; none
    of them is a winner. ``failed``: the part of the requests that failed in the arm that would win; it is no winner.
    ``unconfirmed``: the winner, where its capacity was to be confirmed and was not; "" otherwise. ``driven``: the
    storage driver of the run decides it, and another one may give another answer. ``alone``: so may the memory of
    the engine's own processes for the containers, which is not in it.
    """

    topic: str
    metric: str
    arm: str
    baseline: str
    standing: Standing
    judgement: Judgement
    winner: str
    run: str
    valid: bool = True
    point: str = ""
    verb: str = ""
    setting: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    unsustained: tuple[str, ...] = ()
    unconfirmed: str = ""
    failed: Mapping[str, float] = field(default_factory=dict)
    driven: bool = False
    alone: bool = False

    @property
    def placed(self) -> bool:
        """Tell whether what it says holds only on a storage driver, or without the engine's own processes."""
        return self.driven or self.alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallen:
    """An arm that cannot run at a point of a run, and why: nothing is compared with it there."""

    arm: str
    run: str
    point: str
    setting: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an arm is made of, counted in a run: containers, processes of its ledger, runs of the app's own steps."""

    arm: str
    run: str
    point: str
    containers: int
    processes: int
    steps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisPlace:
    """A place on the axis of a turn, the arm that is better there ("" where none is shown), and the run.

    ``driven`` and ``alone`` as in a line: such a winner makes no turn, and is told with the words.
    """

    at: str
    winner: str
    run: str
    driven: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A metric whose winner changes along ``axis``: a key of ``[sweep]``, or ``fault``.

    ``places`` in the order of the axis; ``where`` names what was swept beside it and is the same at all of them.
    """

    topic: str
    metric: str
    axis: str
    where: str
    places: tuple[AxisPlace, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A metric of an arm that a run was to judge at a point, without a verdict there, and why.

    ``conditions``: what tells its run from the others of the card, in words.
    """

    topic: str
    metric: str
    arm: str
    run: str
    point: str
    why: str
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a reader's weights come to: for each arm the weight of what it is better in.

    ``equal`` is the same count with one for each name; ``open`` what no arm is shown to be better in, ``unmeasured``
    the names of which no line tells. A weight is shared by all that runs were to judge of what it is about;
    ``unjudged`` is the part of ``open`` for which the ``gaps`` have no verdict, ``placed`` that of which the winner
    holds only on a storage driver or without the engine's own processes.
    """

    weights: Mapping[str, float]
    weighted: Mapping[str, float]
    equal: Mapping[str, float]
    open: float
    unmeasured: tuple[str, ...]
    unjudged: float = 0.0
    placed: float = 0.0
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enough:
    """How little of what a run sweeps is enough for an arm to hold the run's ``slo``."""

    run: str
    slo: str
    demand: Demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything that runs say for a decision. ``missing``: topics that none of them measured → the command that does.

    ``gaps``: what runs were to judge and did not. ``unlike``: by run, in what else it differs from the first.
    ``tally`` is there where the reader gave weights.
    """

    lines: tuple[Line, ...]
    turns: tuple[Turn, ...]
    facts: tuple[Facts, ...]
    missing: Mapping[str, str]
    enough: tuple[Enough, ...] = ()
    fallen: tuple[Fallen, ...] = ()
    gaps: tuple[Gap, ...] = ()
    unlike: Mapping[str, Sequence[Difference]] = field(default_factory=dict)
    tally: Tally | None = None

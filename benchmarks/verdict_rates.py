"""How often is a verdict wrong, and how often does it come at all? A seeded simulation of METHOD 6 and 7.

Prints the document docs/power.md; run it with ``python benchmarks/verdict_rates.py > docs/power.md``. Every experiment
is decided by ``lab.analysis.judge.decide``, the core of every verdict. Exit code 1 when wrong verdicts are too
frequent.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from lab.analysis.judge.decide import Places, Side, decide
from lab.analysis.judge.intervals import Floats
from lab.analysis.judge.levels import FAMILY_ERROR, nominal_error, verdict_blocks, verdict_level
from lab.units import count_of

BLOCKS = (6, 8, 10, 15, 20)
NOISES = (0.005, 0.02, 0.07, 0.20, 0.50)
EFFECTS = (1.00, 1.05, 1.10, 1.20, 1.50)
CONTENDERS = (1, 2, 3, 5)
LOOKS: tuple[tuple[int, ...], ...] = ((8, 12, 16, 20), (8, 20), (10, 15, 20), (7, 10, 15, 20, 30))
STOPPED = LOOKS[0]
BOUND = 0.05  # the narrowest default bound: the one that wrong verdicts pass most easily
EDGE = math.log1p(BOUND)
EXPERIMENTS = 10_000
SIGNIFICANCE = 0.01  # of the whole check, divided by its number of cells

Shape = Callable[[np.random.Generator, tuple[int, ...]], Floats]
Words = Callable[[Places], Places]


def normal(rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """Logarithms of trials with lognormal noise; a ratio of two has the noise that the tables name."""
    return rng.standard_normal(size) / math.sqrt(2)


def skewed(rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """Each trial is slowed by an exponential delay (in the logarithm)."""
    return rng.standard_exponential(size) / math.sqrt(2)


def outliers(share: float) -> Shape:
    """A share of the trials has three times the noise of the others."""

    def draw(rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
        return normal(rng, size) * np.where(rng.random(size) < share, 3.0, 1.0)

    return draw


def one_sided(rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """Only contenders are skewed, which breaks the symmetry that Wilcoxon assumes; the pseudo-median is the truth."""
    trials = rng.standard_exponential(size) - 1.6783469900166605 / 2  # the median of a sum of two is that of Gamma(2)
    trials[:, 0] = 0.0
    return trials


def autocorrelated(rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """A trial resembles the arm's trial of the block before (correlation 0.3): blocks are not quite independent."""
    noise = normal(rng, size)
    for block in range(1, size[-1]):
        noise[..., block] = 0.3 * noise[..., block - 1] + math.sqrt(1 - 0.3**2) * noise[..., block]
    return noise


SHAPES: Mapping[str, Shape] = {
    "normal": normal,
    "skewed": skewed,
    "one-sided": one_sided,
    "10% outliers": outliers(0.10),
    "autocorrelated": autocorrelated,
}
PROMISED = ("normal", "skewed", "one-sided", "10% outliers")  # of blocks that depend on each other nobody can say it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """In how many of ``experiments`` something went ``wrong`` that may go wrong in FAMILY_ERROR of them."""

    name: str
    wrong: int
    experiments: int
    promised: bool = True

    @property
    def share(self) -> str:
        """As text."""
        return percent(self.wrong / self.experiments)


def p_value(hits: int, experiments: int) -> float:
    """Chance of so many hits or more if the true rate were exactly FAMILY_ERROR (exact binomial)."""
    return float(betainc(hits, experiments - hits + 1, FAMILY_ERROR)) if hits else 1.0


def ratios(rng: np.random.Generator, draw: Shape, noise: float, shape: tuple[int, int, int], centre: float) -> Floats:
    """Log ratios (experiments, contenders, blocks) whose contenders share the trials of one baseline."""
    experiments, contenders, n = shape
    trials = noise * draw(rng, (experiments, contenders + 1, n))
    return centre + trials[:, 1:] - trials[:, :1]


def judged(values: Floats, looks: tuple[int, ...] = ()) -> Places:
    """The places of a family (..., contenders) after Holm's step-down: beyond a bound or not, at the level it got."""
    contenders = values.shape[1]
    place = np.full(values.shape[:2], np.int8(Side.ACROSS))
    remaining, active = np.ones(values.shape[:2], dtype=bool), np.ones(len(values), dtype=bool)
    for left in range(contenders, 0, -1):
        now = decide(values, EDGE, verdict_level(left, looks)).place
        asked = active & (remaining.sum(axis=1) == left)
        fresh = remaining & asked[:, None]
        place[fresh] = now[fresh]
        gone = fresh & beyond(now)
        remaining &= ~gone
        active &= ~asked | gone.any(axis=1)
    return place


def beyond(place: Places) -> NDArray[np.bool_]:
    """Whether a word is better or worse."""
    return np.isin(place, (Side.BELOW, Side.ABOVE))


def contender_cells(rng: np.random.Generator, experiments: int) -> Iterator[tuple[str, float, int, int, Cell]]:
    """Any wrong better or worse of a family whose truth lies on the bound, the least favourable one."""
    for name, draw in SHAPES.items():
        for noise in NOISES[1:4]:
            for contenders in CONTENDERS:
                for n in (10, 20):
                    values = ratios(rng, draw, noise, (experiments, contenders, n), EDGE)
                    wrong = beyond(judged(values)).any(axis=1)
                    title = f"{name}, noise {percent(noise)}, {contenders} contenders, n = {n}"
                    cell = Cell(name=title, wrong=int(wrong.sum()), experiments=experiments, promised=name in PROMISED)
                    yield name, noise, contenders, n, cell


def look_cells(rng: np.random.Generator, experiments: int) -> Iterator[tuple[tuple[int, ...], Cell, Cell]]:
    """For each list of looks: any look whose interval excludes the truth, and any wrong word on the bound."""
    for looks in LOOKS:
        noise = 0.07 * math.sqrt(2) * normal(rng, (experiments, looks[-1]))
        excluded, wrong = np.zeros((2, experiments), dtype=bool)
        for look in looks:
            wide = decide(noise[:, :look], EDGE, verdict_level(1, looks)).wide
            excluded |= (wide.low > 0) | (wide.high < 0)
            wrong |= wide.low > 0  # the truth is the upper bound, so that this is "worse"
        name = f"looks {', '.join(map(str, looks))}"
        yield (
            looks,
            Cell(name=f"{name}: any interval excludes the truth", wrong=int(excluded.sum()), experiments=experiments),
            Cell(name=f"{name}: wrong worse on the bound", wrong=int(wrong.sum()), experiments=experiments),
        )


def stopped(rng: np.random.Generator, effect: float, noise: float, experiments: int) -> tuple[list[float], float]:
    """Shares of the words of runs that end at the first look with one, and the mean number of blocks."""
    values = math.log(effect) + noise * math.sqrt(2) * normal(rng, (experiments, STOPPED[-1]))
    place = np.full(experiments, np.int8(Side.ACROSS))
    blocks = np.full(experiments, float(STOPPED[-1]))
    running = np.ones(experiments, dtype=bool)
    for look in STOPPED:
        now = decide(values[:, :look], EDGE, verdict_level(1, STOPPED)).place
        place[running] = now[running]
        ended = running & (now != Side.ACROSS)
        blocks[ended] = look
        running &= ~ended
    return shares(place), float(np.mean(blocks))


def shares(place: Places) -> list[float]:
    """Shares of worse, equivalent, inconclusive and better."""
    return [float(np.mean(place == word)) for word in (Side.ABOVE, Side.INSIDE, Side.ACROSS, Side.BELOW)]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(fraction: float) -> str:
    """0.0312 → ``"3.1%"``; 0.005 → ``"0.5%"``."""
    return f"{fraction * 100:.1f}%"


def wrong_section(found: Sequence[tuple[str, float, int, int, Cell]]) -> Iterator[str]:
    """One table a shape: noise × contenders and blocks → any wrong word."""
    header = ["noise", *(f"{count_of(c, 'contender')}, n = {n}" for c in CONTENDERS for n in (10, 20))]
    for shape in SHAPES:
        cells = {(noise, c, n): cell for name, noise, c, n, cell in found if name == shape}
        noises = dict.fromkeys(noise for noise, _, _ in cells)
        rows = [[percent(x), *(cells[x, c, n].share for c in CONTENDERS for n in (10, 20))] for x in noises]
        yield f"### {shape}\n"
        yield table(header, rows) + "\n"


def looks_section(found: Sequence[tuple[tuple[int, ...], Cell, Cell]]) -> str:
    """What each declared list of looks costs, and keeps."""
    rows = [
        [
            ", ".join(map(str, looks)),
            f"{nominal_error(FAMILY_ERROR, looks):.4f}",
            str(verdict_blocks(1, looks)),
            excluded.share,
            wrong.share,
        ]
        for looks, excluded, wrong in found
    ]
    header = (
        "looks",
        "error of one look",
        "least blocks",
        "any interval excludes the truth",
        "wrong worse on the bound",
    )
    return table(header, rows) + "\n"


def stopping_section(rng: np.random.Generator, experiments: int) -> str:
    """Fixed blocks against looks: words and blocks."""
    rows = []
    for effect in (*EFFECTS[:4], 1.30):
        for noise in NOISES[1:4]:
            fixed = shares(decide(_values(rng, effect, noise, 20, experiments), EDGE, verdict_level(1)).place)
            words, blocks = stopped(rng, effect, noise, experiments)
            rows.append([f"{effect:.2f}", percent(noise), cells_text(fixed), cells_text(words), f"{blocks:.1f}"])
    names = ", ".join(map(str, STOPPED))
    return table(("true ratio", "noise", "20 blocks, fixed", f"looks {names}", "blocks, mean"), rows) + "\n"


def power_section(rng: np.random.Generator, experiments: int) -> Iterator[str]:
    """One table a true effect: noise × n → shares of the verdicts in percent."""
    for effect in EFFECTS:
        rows = []
        for noise in NOISES:
            found = [
                shares(decide(_values(rng, effect, noise, n, experiments), EDGE, verdict_level(1)).place)
                for n in BLOCKS
            ]
            rows.append([percent(noise), *map(cells_text, found)])
        yield f"### True ratio {effect:.2f}\n"
        yield table(["noise", *(f"n = {n}" for n in BLOCKS)], rows) + "\n"


def _values(rng: np.random.Generator, effect: float, noise: float, n: int, experiments: int) -> Floats:
    return math.log(effect) + noise * math.sqrt(2) * normal(rng, (experiments, n))


def cells_text(words: Sequence[float]) -> str:
    """Shares in percent, joined."""
    return " · ".join(f"{share * 100:.0f}" for share in words)


INTRODUCTION = """\
# How many blocks does a verdict take?

Printed by `python benchmarks/verdict_rates.py > docs/power.md` (seed {seed}, {experiments} experiments a cell). Each
experiment is decided by the same code as a real verdict:

- *better* and *worse* by the exact Wilcoxon interval;
- *equivalent* by the narrower interval of two one-sided tests;
- several contenders (judged arms) by Holm's step-down;
- the bounds are 1/{bound:.2f} … {bound:.2f} (−4.8% to +5%).

*Noise* is the standard deviation of the per-block log ratio contender ÷ baseline (for outliers: of the ordinary
trials), so 7% means that most blocks lie within 7% of the true ratio. `lab selfcheck` shows yours. Typical for 10 s
trials on two shared cores: memory 0.2%, CPU per request and p50 7%, p99 50%.
"""

WRONG = """\
## Wrong verdicts at the least favourable truth

Every contender's true ratio lies exactly on the bound, where a wrong "worse" is most likely, and all contenders are
compared with the same baseline. Each cell says how often *any* of them is called better or worse.

- *Normal*: lognormal noise in every trial.
- *Skewed*: exponential delays in every trial.
- *One-sided*: exponential delays in the trials of the contenders only. That breaks the symmetry that the exact test
  assumes.
- *Outliers*: that share of the trials has three times the noise.
- *Autocorrelated*: a trial resembles that of the block before (correlation 0.3). No exact test of blocks allows for
  that: the table shows what drift costs.

What was found:
"""

LOOKING = """\
## Declared looks

With `trials.looks` a run may end early. The error of one look is made so much smaller (by Pocock's constant for as
many looks) that all of them together keep {error}. It is simulated with the exact test at every look, for a run that
would end at the first interval that excludes the truth.
"""

STOPPING = """\
What that buys, for runs that end at the first look with a verdict: the shares of **worse · equivalent · inconclusive ·
better** in percent, and how many blocks the runs took on average.
"""

POWER = """\
## Chance of each verdict

One judged interval of a metric whose lower values are better, with normal noise. Each cell: **worse · equivalent ·
inconclusive · better**, in percent. A true ratio of 1.05 lies on the bound: no number of blocks settles it, and
"inconclusive" is right.
"""


def conclusion(cells: Sequence[Cell]) -> tuple[bool, str]:
    """Whether the promise holds in every cell, and the sentences that say so."""
    promised = [cell for cell in cells if cell.promised]
    limit = SIGNIFICANCE / len(promised)
    failed = sum(p_value(cell.wrong, cell.experiments) < limit for cell in promised)
    worst = max(promised, key=lambda cell: cell.wrong)
    sentences = (
        f"- Wrong verdicts and excluded truths: at most {worst.share} ({worst.name}); "
        f"**{failed} of {len(promised)} cells failed** (without *autocorrelated*).\n"
        f"- A cell fails when an exact binomial test, at {SIGNIFICANCE} ÷ {len(promised)} cells, rejects a true rate "
        f"of at most {percent(FAMILY_ERROR)}.\n"
    )
    return failed == 0, sentences


def main(argv: Sequence[str] | None = None) -> int:
    """Print the document; 0 when the wrong-verdict rate holds, 1 when it does not."""
    parser = argparse.ArgumentParser(description="Wrong-verdict rates and power of the lab's verdicts, as Markdown.")
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument("--experiments", type=int, default=EXPERIMENTS, help="a cell")
    arguments = parser.parse_args(argv)
    started, experiments = time.process_time(), arguments.experiments
    rng = np.random.default_rng(arguments.seed)
    contenders, looks = list(contender_cells(rng, experiments)), list(look_cells(rng, experiments))
    held, sentences = conclusion([*(cell for *_, cell in contenders), *(cell for _, *both in looks for cell in both)])
    print(INTRODUCTION.format(seed=arguments.seed, experiments=experiments, bound=1 + BOUND))
    print(WRONG, sentences, *wrong_section(contenders), sep="\n")
    print(LOOKING.format(error=percent(FAMILY_ERROR)), looks_section(looks), sep="\n")
    print(STOPPING, stopping_section(rng, experiments), POWER, sep="\n")
    print("\n".join(power_section(rng, experiments)), end="")
    print(f"{time.process_time() - started:.0f} s of CPU\n{sentences}", file=sys.stderr, end="")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

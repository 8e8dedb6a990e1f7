"""How often is a verdict wrong, and how often does it come at all? A seeded simulation of METHOD 7.

Prints the document docs/power.md; run it with ``python benchmarks/verdict_rates.py > docs/power.md``. Every experiment
is decided by ``lab.analysis.judge.verdict.decide``, the core of ``judge``. Exit code 1 when wrong verdicts are too
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
from scipy.special import betainc

from lab.analysis.judge.intervals import Floats, blocks_needed
from lab.analysis.judge.verdict import FAMILY_ERROR, Place, decide, verdict_level

BLOCKS = (6, 8, 10, 15, 20)
NOISES = (0.005, 0.02, 0.07, 0.20, 0.50)
EFFECTS = (1.00, 1.05, 1.10, 1.20, 1.50)
PRIMARIES = (1, 4)
BOUND = 0.05  # the narrowest default bound: the one that wrong verdicts pass most easily
EXPERIMENTS = 10_000
SIGNIFICANCE = 0.01  # of the whole check, divided by its number of cells

Shape = Callable[[np.random.Generator, tuple[int, ...]], Floats]


def normal(rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """Log ratios of two arms with lognormal trials."""
    return rng.standard_normal(size)


def skewed(rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """Both arms skewed alike: each trial is slowed by an exponential delay (in the logarithm)."""
    return (rng.standard_exponential(size) - rng.standard_exponential(size)) / math.sqrt(2)


def one_sided(rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
    """Only the contender is skewed, which breaks the symmetry that Wilcoxon assumes; its pseudo-median is the truth."""
    return rng.standard_exponential(size) - 1.6783469900166605 / 2  # the median of a sum of two is that of Gamma(2)


def outliers(share: float) -> Shape:
    """A share of the blocks has three times the noise of the others."""

    def draw(rng: np.random.Generator, size: tuple[int, ...]) -> Floats:
        return rng.standard_normal(size) * np.where(rng.random(size) < share, 3.0, 1.0)

    return draw


SHAPES: Mapping[str, Shape] = {
    "normal": normal,
    "skewed": skewed,
    "one-sided": one_sided,
    "5 % outliers": outliers(0.05),
    "10 % outliers": outliers(0.10),
}
ASYMMETRIC = ("one-sided",)  # here the exact level is not promised; the rate of wrong verdicts still is


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """One cell: in how many experiments a family of primaries whose truth is 1.00 had a better/worse (``wrong``), and
    in how many a Wilcoxon interval that excludes 1 (``detected``).
    """

    shape: str
    primaries: int
    n: int
    noise: float
    wrong: int
    detected: int
    experiments: int

    def __str__(self) -> str:
        return f"{self.shape}, {family(self.primaries)}, n = {self.n}, noise {percent(self.noise)}"


def p_value(hits: int, experiments: int) -> float:
    """Chance of so many hits or more if the true rate were exactly FAMILY_ERROR (exact binomial)."""
    return float(betainc(hits, experiments - hits + 1, FAMILY_ERROR)) if hits else 1.0


def wrong_rates(seed: int, experiments: int) -> Iterator[Rates]:
    """Every cell of the check. Primaries are independent of each other: the worst case for the family."""
    rng = np.random.default_rng(seed)
    for name, draw in SHAPES.items():
        for primaries in PRIMARIES:
            level = verdict_level(primaries)
            for n in (n for n in BLOCKS if n >= blocks_needed(level)):
                for noise in NOISES:
                    decision = decide(noise * draw(rng, (experiments, primaries, n)), BOUND, level)
                    wrong = np.isin(decision.agreed, (Place.BELOW, Place.ABOVE)).any(axis=-1)
                    one_excluded = (decision.wilcoxon.low > 0) | (decision.wilcoxon.high < 0)
                    yield Rates(
                        shape=name,
                        primaries=primaries,
                        n=n,
                        noise=noise,
                        wrong=int(wrong.sum()),
                        detected=int(one_excluded.any(axis=-1).sum()),
                        experiments=experiments,
                    )


def verdict_shares(rng: np.random.Generator, effect: float, noise: float, n: int, experiments: int) -> list[float]:
    """Shares of worse, equivalent, inconclusive and better for one primary whose lower values are better."""
    ratios = math.log(effect) + noise * normal(rng, (experiments, n))
    agreed = decide(ratios, BOUND, verdict_level(1)).agreed
    order = (Place.ABOVE, Place.INSIDE, Place.ACROSS, Place.BELOW)
    return [float(np.mean(agreed == place)) for place in order]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(fraction: float) -> str:
    """0.0312 → ``"3.1 %"``; 0.005 → ``"0.5 %"``."""
    return f"{fraction * 100:.1f} %"


def family(primaries: int) -> str:
    """How many primaries, in words."""
    return "1 primary" if primaries == 1 else f"{primaries} primaries"


def wrong_section(rates: Sequence[Rates]) -> Iterator[str]:
    """One table a shape and family size: noise × n → wrong verdicts (difference detected)."""
    for shape in SHAPES:
        for primaries in PRIMARIES:
            cells = {(r.noise, r.n): r for r in rates if (r.shape, r.primaries) == (shape, primaries)}
            blocks = [n for n in BLOCKS if (NOISES[0], n) in cells]
            rows = [
                [percent(noise)]
                + [
                    f"{percent((cell := cells[noise, n]).wrong / cell.experiments)} "
                    f"({percent(cell.detected / cell.experiments)})"
                    for n in blocks
                ]
                for noise in NOISES
            ]
            yield f"### {shape}, {family(primaries)}\n"
            yield table(["noise", *(f"n = {n}" for n in blocks)], rows) + "\n"


def power_section(seed: int, experiments: int) -> Iterator[str]:
    """One table a true effect: noise × n → shares of the verdicts in percent."""
    rng = np.random.default_rng(seed + 1)
    for effect in EFFECTS:
        rows = []
        for noise in NOISES:
            shares = [verdict_shares(rng, effect, noise, n, experiments) for n in BLOCKS]
            rows.append([percent(noise), *(" · ".join(f"{share * 100:.0f}" for share in cell) for cell in shares)])
        yield f"### True ratio {effect:.2f}\n"
        yield table(["noise", *(f"n = {n}" for n in BLOCKS)], rows) + "\n"


INTRODUCTION = """\
# How many blocks does a verdict take?

Printed by `python benchmarks/verdict_rates.py > docs/power.md` (seed {seed}, {experiments} experiments a cell). Each
experiment is decided by the same code as a real verdict: exact Wilcoxon interval, Student's t as cross-check, level
1 − 0.05/m for m primaries, bounds 1/{bound:.2f} … {bound:.2f}.

*Noise* is the standard deviation of the per-block log ratio contender ÷ baseline (for outliers: of the ordinary
blocks), so 7 % means that most blocks lie within ± 7 % of the true ratio. `lab selfcheck` shows yours. Typical for 10 s
trials on two shared cores: memory 0.2 %, CPU per request and p50 7 %, p99 50 %.
"""

WRONG = """\
## Wrong verdicts: both arms are the same, how often is one called better or worse?

Over the whole family of primaries, which are independent here (the worst case). In brackets: how often Wilcoxon's
interval of at least one primary excludes 1, which alone is never a verdict. *Skewed*: exponential delays in both arms.
*One-sided*: in the contender only, which breaks the symmetry that the exact test assumes. *Outliers*: that share of the
blocks has three times the noise.
"""

POWER = """\
## Chance of each verdict

One primary whose lower values are better, normal noise, bound {bound}. Each cell: **worse · equivalent · inconclusive ·
better**, in percent. A true ratio of 1.05 lies on the bound: no number of blocks settles it, and "inconclusive" is
right.
"""


def conclusion(rates: Sequence[Rates]) -> tuple[bool, str]:
    """Whether the rates hold in every cell, and the sentences that say so."""
    limit = SIGNIFICANCE / len(rates)
    wrong, symmetric = list(rates), [cell for cell in rates if cell.shape not in ASYMMETRIC]
    failed_wrong = sum(p_value(cell.wrong, cell.experiments) < limit for cell in wrong)
    failed_exact = sum(p_value(cell.detected, cell.experiments) < limit for cell in symmetric)
    worst = max(wrong, key=lambda cell: cell.wrong)
    farthest = max(rates, key=lambda cell: cell.detected)
    sentences = (
        f"- Wrong verdicts: at most {percent(worst.wrong / worst.experiments)} ({worst}); "
        f"**{failed_wrong} of {len(wrong)} cells failed**.\n"
        f"- Intervals that exclude 1: at most {percent(farthest.detected / farthest.experiments)} ({farthest}); "
        f"**{failed_exact} of {len(symmetric)} cells with symmetric noise failed**.\n"
        f"- A cell fails when an exact binomial test, at {SIGNIFICANCE} ÷ {len(rates)} cells, rejects a true rate of "
        f"at most {percent(FAMILY_ERROR)}.\n"
    )
    return failed_wrong + failed_exact == 0, sentences


def main(argv: Sequence[str] | None = None) -> int:
    """Print the document; 0 when the wrong-verdict rate holds, 1 when it does not."""
    parser = argparse.ArgumentParser(description="Wrong-verdict rates and power of the lab's verdicts, as Markdown.")
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--experiments", type=int, default=EXPERIMENTS, help="a cell")
    arguments = parser.parse_args(argv)
    started = time.monotonic()
    rates = list(wrong_rates(arguments.seed, arguments.experiments))
    held, sentences = conclusion(rates)
    print(INTRODUCTION.format(seed=arguments.seed, experiments=arguments.experiments, bound=1 + BOUND))
    print(WRONG, sentences, *wrong_section(rates), POWER.format(bound=f"± {percent(BOUND)}"), sep="\n")
    print("\n".join(power_section(arguments.seed, arguments.experiments)), end="")
    print(f"{time.monotonic() - started:.0f} s\n{sentences}", file=sys.stderr, end="")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

"""Verdicts and expectations as sentences (METHOD 7). What is not known is said to be not known, never to be equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lab.analysis.comparison import Comparison, Condition, Contest
from lab.analysis.expectations import ExpectationResult, Ground
from lab.analysis.judge.intervals import Interval
from lab.analysis.judge.power import SETTLE_CHANCE
from lab.analysis.judge.verdict import Judgement, Reason, Verdict
from lab.metrics import METRICS, Group, Metric
from lab.report.content import Answer
from lab.report.renderers.text import one_line
from lab.scenario.expectation_tree import Kind
from lab.units import format_bytes, format_count, format_factor, format_rate, format_ratio, format_seconds

USED = (Group.MEMORY, Group.CPU)  # "use 6.8 % less memory"; everything else is higher or lower
FORMATS: Mapping[Kind, Callable[[float], str]] = {
    Kind.TIME: format_seconds,
    Kind.BYTES: format_bytes,
    Kind.RATE: format_rate,
    Kind.COUNT: format_count,
    Kind.FRACTION: format_ratio,
    Kind.NUMBER: format_factor,
}
MANIFOLD = 2.0  # from here on "3.1 times as much" reads better than "210 % more"
MAX_BLOCKS_NAMED = 10


def verdict_answers(comparison: Comparison) -> tuple[Answer, ...]:
    """One sentence for each primary and contender, then one for each expectation, in the scenario's order."""
    return (
        *(contest_answer(contest, comparison.baseline) for contest in comparison.primaries),
        *(condition_answer(condition) for condition in comparison.conditions),
    )


def contest_answer(contest: Contest, baseline: str) -> Answer:
    """The sentence of METHOD 7 for one primary; its word is the verdict, empty where only numbers are shown."""
    found = contest.judgement
    parts = [
        _claim(contest, baseline) + _because(contest),
        f"{_some(contest.unsteady)} drifted while measured." if contest.unsteady else "",
        "The verdict depends on which blocks are counted, see the details." if contest.depends_on_blocks else "",
        _outlook(contest),
    ]
    return _answer(" ".join(filter(None, parts)), found.verdict.value if found.verdict else "")


def condition_answer(condition: Condition) -> Answer:
    """What became of one expectation, and on what ground; its word is the outcome."""
    result = condition.result
    name = f"{condition.name}: " if condition.name else ""
    return _answer(f"{name}expected {result.expectation.text} – {_ground(condition)}.", result.outcome.value)


def answer_line(answer: Answer) -> str:
    """An answer as one line of plain text, its word behind an arrow; nothing in it can move a cursor."""
    return one_line(answer.sentence) + (f" → {one_line(answer.word)}" if answer.word else "")


def _answer(sentence: str, word: str) -> Answer:
    """Renderers put "→ word" behind the sentence, which then ends there."""
    return Answer(sentence=sentence.removesuffix(".") if word else sentence, word=word)


def effect(metric: Metric, arm: str, baseline: str, ratio: float) -> str:
    """``"replicas use 6.8 % less memory than workers"``: one estimate in words, without any claim about it."""
    noun = metric.called
    if metric.group in USED:
        size = f"{ratio:.1f} times as much {noun} as" if ratio >= MANIFOLD else f"{change(ratio)} {noun} than"
        return f"{arm} use {size} {baseline}"
    size = f"{ratio:.1f} times that of" if ratio >= MANIFOLD else f"{change(ratio, 'lower', 'higher')} than that of"
    return f"the {noun} of {arm} is {size} {baseline}"


def change(ratio: float, less: str = "less", more: str = "more") -> str:
    """0.932 → ``"6.8 % less"``; never "as much", which would be a claim."""
    return f"{abs(ratio - 1) * 100:.1f} % {less if ratio < 1 else more}"


def interval_text(interval: Interval) -> str:
    """``"95 % CI 6.7–7.0 %"`` in the direction of the estimate, or both directions when it reaches across 1."""
    low, high = interval.low, interval.high
    if low < 1 < high:
        ends = f"{change(low)} to {change(high) if high < MANIFOLD else f'{high:.1f} times'}"
    elif high >= MANIFOLD:
        ends = f"{low:.2f} to {high:.2f} times"
    else:
        small, large = sorted(abs(end - 1) * 100 for end in (low, high))
        ends = f"{small:.1f}–{large:.1f} %"
    return f"{interval.level * 100:.4g} % CI {ends}"


def _claim(contest: Contest, baseline: str) -> str:
    found, metric = contest.judgement, METRICS[contest.metric]
    if found.estimate is None:
        return f"{metric.called[0].upper()}{metric.called[1:]}: {contest.arm} and {baseline} are not compared"
    text = effect(metric, contest.arm, baseline, found.estimate)
    if found.interval is None:
        return f"{_sentence_case(text, contest.arm)} ({_blocks(found.n)})"
    facts = [f"{interval_text(found.interval)}, {_blocks(found.n)}"]
    if found.bound is not None:
        facts.append(f"bound ±{_percent(found.bound)}")
    if found.floor is not None:
        facts.append(f"noise floor {_percent(found.floor)}")
    return f"{_sentence_case(text, contest.arm)} ({'; '.join(facts)})"


def _because(contest: Contest) -> str:
    """Why there is no clear word, or nothing where the word says it all."""
    found = contest.judgement
    if found.reason is Reason.SMOKE:
        had = "" if found.n else " no block is valid and"
        return f": numbers only,{had} a verdict takes {found.blocks_needed} valid blocks."
    reasons: Mapping[Reason, str] = {
        Reason.MISSING: f": the value is missing in {_named(found.blocks)}, and nothing is put in its place.",
        Reason.NO_RATIO: f": there is no ratio in {_named(found.blocks)}, where a value is zero.",
        Reason.TOO_FEW_REQUESTS: f": trials of {_named(found.blocks)} have too few requests to judge this percentile.",
        Reason.METHOD_SENSITIVE: ": Wilcoxon's and Student's interval lead to different verdicts (method-sensitive).",
        Reason.BELOW_FLOOR: ": on this machine an arm differs as much from itself.",
        Reason.ACROSS: _across(found),
    }
    return reasons.get(found.reason, ".")


def _across(found: Judgement) -> str:
    if found.difference_detected:
        return ": difference detected, size uncertain."
    return ": the interval reaches across the bound, so these blocks show neither a difference nor that there is none."


def _outlook(contest: Contest) -> str:
    found = contest.judgement
    if contest.settles_at is None or found.verdict is not Verdict.INCONCLUSIVE:
        return ""
    return f"A run of {contest.settles_at} blocks would settle it with a chance of {SETTLE_CHANCE:.0%}.".replace(
        "%", " %"
    )


def _ground(condition: Condition) -> str:
    result = condition.result
    if condition.too_few_requests:
        thin = ", ".join(f"{metric}({arm})" for metric, arm in condition.too_few_requests)
        return f"some trials have too few requests to settle {thin}"
    grounds: Mapping[Ground, str] = {
        Ground.EVERY_BLOCK: f"met in every one of {_blocks(result.n)}",
        Ground.SOME_BLOCKS: f"not met in {_named(result.blocks)}",
        Ground.TOO_FEW: f"{_blocks(result.n)} cannot settle it, it takes {_blocks(result.blocks_needed)}",
        Ground.MISSING: f"a value is missing in {_named(result.blocks)}",
        Ground.UNDEFINED: f"there is no finite value in {_named(result.blocks)}",
    }
    return grounds.get(result.ground) or _difference(result)


def _difference(result: ExpectationResult) -> str:
    if result.difference is None:
        return result.ground.value
    show, found = FORMATS[result.expectation.kind], result.difference
    across = ", on both sides of zero" if result.ground is Ground.STRADDLES else ""
    return (
        f"left minus right is {show(found.estimate)} ({found.level * 100:.4g} % CI {show(found.low)} to "
        f"{show(found.high)}, {_blocks(result.n)}){across}"
    )


def _sentence_case(text: str, arm: str) -> str:
    return text if text.startswith(arm) else text[0].upper() + text[1:]


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.3g} %"


def _blocks(count: int) -> str:
    return f"{count} block" if count == 1 else f"{count} blocks"


def _named(blocks: Sequence[int]) -> str:
    if not blocks:
        return "some blocks"
    return f"{'block' if len(blocks) == 1 else 'blocks'} {_some([str(block) for block in blocks])}"


def _some(names: Sequence[str]) -> str:
    hidden = len(names) - MAX_BLOCKS_NAMED
    return ", ".join(names[:MAX_BLOCKS_NAMED]) + (f" and {hidden} more" if hidden > 0 else "")

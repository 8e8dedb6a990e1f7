"""Twelve words, each with one meaning throughout the report."""

from collections.abc import Mapping

from lab.report.content import Audience, Section, Table
from lab.report.parts.cells import columns, words

GLOSSARY: Mapping[str, str] = {
    "arm": "One way to run the app, such as one container with 4 workers. The image is the same in every arm.",
    "baseline": "The arm that the others are compared with.",
    "trial": "One fresh deployment of one arm, and one load run on it.",
    "block": "One trial of every arm, one after the other. Eight blocks are eight observations.",
    "verdict": "better, worse, equivalent or inconclusive, on a metric that was declared before the run.",
    "interval": "Where the true difference lies, as far as the blocks tell (95% CI: in 95 of 100 such runs it does).",
    "bound": "The difference below which the scenario says that it does not matter, such as 5%.",
    "gate": "A check of the instrument and the machine. When one fails, the block does not count for the metrics it "
    "affects.",
    "caveat": "A warning to read before you quote a number; the number still counts.",
    "finding": "What an arm itself did, such as losing a process. It makes no block invalid.",
    "PSS": "Memory of a process in which shared pages are divided among their users, so that it may be summed.",
    "response time": "From the scheduled instant of a request to its last byte: waiting counts.",
}


def glossary() -> Section:
    """The section that explains them."""
    rows = tuple(words(word, meaning) for word, meaning in GLOSSARY.items())
    table = Table(
        key="glossary", title="Twelve words", columns=columns("word", "meaning"), rows=rows, reader=Audience.PEOPLE
    )
    return Section(key="words", title="What the words mean", short="Words", parts=(table,), folded=True)

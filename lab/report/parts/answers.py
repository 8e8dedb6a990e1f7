"""Parts of answers: a sentence with its word, arms by their names, and blocks by their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from lab.report.first_screen import Answer
from lab.units import plural

MAX_BLOCKS_NAMED = 10


def answer(sentence: str, word: str, why: str = "", besides: str = "", remark: str = "") -> Answer:
    """A sentence and its word. Renderers put "→ word" behind the sentence, which then ends there."""
    told = sentence.removesuffix(".") if word else sentence
    return Answer(sentence=told, word=word, why=why, besides=besides, remark=remark)


def capital(text: str) -> str:
    """A text as the beginning of a sentence."""
    return text[0].upper() + text[1:]


def quoted(arm: str) -> str:
    """The name of an arm in a sentence, ``“replicas” is worse``: one arm, whatever the number of its name."""
    return f"“{arm}”"


def named_blocks(blocks: Sequence[int]) -> str:
    """``"blocks 1, 2, 3"``."""
    if not blocks:
        return "some blocks"
    return f"{plural('block', len(blocks))} {some_of([str(block) for block in blocks])}"


def some_of(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    hidden = len(names) - MAX_BLOCKS_NAMED
    return ", ".join(names[:MAX_BLOCKS_NAMED]) + (f" and {hidden} more" if hidden > 0 else "")

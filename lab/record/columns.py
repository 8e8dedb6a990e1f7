"""A column of a table: its type, its bounds and what its values mean. No polars here, as in the schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

MAX_INSTANT_S = 1e8  # a trial lasts two weeks at most
MAX_COUNT = 2**53  # what a float holds exactly: sums stay right

Type = Literal["Float64", "Int64", "Int32", "UInt16", "String"]  # names of polars types
USUAL: Mapping[type, Type] = {float: "Float64", int: "Int64", str: "String"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column. ``null`` says what a missing value means; where it is empty, no row may lack one.

    Numbers lie in ``least`` … ``most``, texts are one of ``words`` where there are any. ``free`` texts come from other
    programs: they are masked where they hold a secret.
    """

    name: str = ""
    type: Type = "Float64"
    means: str = ""
    null: str = ""
    least: float | None = None
    most: float | None = None
    words: tuple[str, ...] = ()
    free: bool = False
    narrow: Type | None = None  # where Parquet holds less than the Python type could

    @property
    def unit(self) -> str:
        """Tell what a number is in, as its name says."""
        return next((unit for unit in ("bytes", "s") if self.name.rpartition("_")[2] == unit), "")

    @property
    def note(self) -> str:
        """Meaning and the meaning of a missing value, for documents."""
        return "; ".join(filter(None, [self.means, f"null: {self.null}" if self.null else ""]))


def instant(means: str = "", *, null: str = "") -> Column:
    """An instant of the trial, in seconds since its start."""
    return Column(means=means, null=null, least=-MAX_INSTANT_S, most=MAX_INSTANT_S)


def count(means: str = "", *, null: str = "", least: float = 0, narrow: Type | None = None) -> Column:
    """An amount: seconds, bytes or a number of things."""
    return Column(means=means, null=null, least=least, most=MAX_COUNT, narrow=narrow)


def amount(means: str = "") -> Column:
    """A number of either sign, as somebody gave it."""
    return Column(means=means, null="none, or no number", least=-MAX_COUNT, most=MAX_COUNT)


def text(means: str = "", *, null: str = "", free: bool = False, words: type[StrEnum] | None = None) -> Column:
    """A text of bounded length, or one of the words of an enumeration."""
    return Column(means=means, null=null, free=free, words=tuple(word.value for word in words or ()))

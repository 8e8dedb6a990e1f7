"""A service level objective: conditions on metrics of whichever arm, as in ``p95 <= 50ms and errors == 0``."""

import re

from lab.scenario.expectation import ExpectationError, parse_expectation
from lab.scenario.expectation_tree import Expectation

CLAUSE = re.compile(r"\s*(?P<metric>[a-z_][\w.]*)\s*(?P<rest>(?:[<>=!]=|[<>]).+)", re.DOTALL)
_WITH_ARM = re.compile(r"\(arm\)| \(column \d+\)")  # there is none in what the user wrote


def of_arm(slo: str, arm: str) -> tuple[str, ...]:
    """The conditions as expectations on one arm. Raises ValueError where one cannot be read."""
    clauses = []
    for text in re.split(r"\s+and\s+", slo.strip()):
        if (found := CLAUSE.fullmatch(text)) is None:
            raise ValueError(f'expected conditions like "p95 <= 50ms and errors == 0", got {text[:80]!r}')
        clauses.append(f"{found['metric']}({arm}) {found['rest'].strip()}")
    return tuple(clauses)


def parsed(slo: str) -> tuple[Expectation, ...]:
    """The conditions, read as expectations on whichever arm. Raises ValueError that names the one at fault."""
    try:
        return tuple(parse_expectation(clause, ["arm"]) for clause in of_arm(slo, "arm"))
    except ExpectationError as error:
        told = str(error) if not error.hint or "(ARM)" in error.hint else f"{error}; {error.hint}"
        raise ValueError(_WITH_ARM.sub("", told)) from None


def check_slo(slo: str) -> str:
    """The text itself. Raises ValueError that names the condition at fault."""
    if slo:
        parsed(slo)
    return slo

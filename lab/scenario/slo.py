"""A service level objective: conditions on metrics of whichever arm, as in ``p95 <= 50ms and errors == 0``."""

import re

from lab.scenario.expectation import ExpectationError, parse_expectation

CLAUSE = re.compile(r"\s*(?P<metric>[a-z_][\w.]*)\s*(?P<rest>(?:[<>=!]=|[<>]).+)", re.DOTALL)


def of_arm(slo: str, arm: str) -> tuple[str, ...]:
    """The conditions as expectations on one arm. Raises ValueError where one cannot be read."""
    clauses = []
    for text in re.split(r"\s+and\s+", slo.strip()):
        if (found := CLAUSE.fullmatch(text)) is None:
            raise ValueError(f'expected conditions like "p95 <= 50ms and errors == 0", got {text[:80]!r}')
        clauses.append(f"{found['metric']}({arm}) {found['rest'].strip()}")
    return tuple(clauses)


def check_slo(slo: str) -> str:
    """The text itself. Raises ValueError that names the condition at fault."""
    for clause in of_arm(slo, "arm") if slo else ():
        try:
            parse_expectation(clause, ["arm"])
        except ExpectationError as error:
            raise ValueError(str(error).replace("(arm)", "")) from None
    return slo

"""The processes of an arm as lines with bars: one each, or one for each role where the terminal is too low."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.cli.live.lines import CPU, FAINT, MEMORY, SHARE, Line, bar
from lab.live.figures import ProcessFigures
from lab.units import format_bytes

ROLE, PID, SERVICE = 11, 7, 9
CPU_TEXT, PSS_TEXT, SHARE_TEXT = 6, 9, 6
SERVICE_FROM = 110  # columns: below, there is no room to name the service
MAX_BAR = 30
SCALES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
HEAD_AND_SUM = 2


class _Columns:
    """What every row of one table has in common: widths and the scales of the bars."""

    def __init__(self, rows: Sequence[ProcessFigures], width: int) -> None:
        self.service = SERVICE if width >= SERVICE_FROM else 0
        taken = 7 + ROLE + 1 + PID + 1 + (self.service and self.service + 1)
        taken += (CPU_TEXT + 3) + (PSS_TEXT + 3) + (SHARE_TEXT + 1)
        self.bar = max(3, min(MAX_BAR, (width - taken) // 3))
        busiest = max((row.cpu or 0.0 for row in rows), default=0.0)
        self.cpu_scale = next((scale for scale in SCALES if busiest <= scale), SCALES[-1])
        self.pss_scale = max((row.pss_bytes or 0 for row in rows), default=0) or 1
        self.share_scale = max((row.share or 0.0 for row in rows), default=0.0) or 1.0

    def head(self) -> Line:
        """The heading; the CPU bars say what they are full at."""
        line = Line("proc").left("role", ROLE, FAINT).right("pid", PID, FAINT)
        if self.service:
            line.left("service", self.service, FAINT)
        line.left(f"CPU of {self.cpu_scale * 100:.0f} %", self.bar + CPU_TEXT + 2, FAINT)
        line.left("PSS", self.bar + PSS_TEXT + 2, FAINT)
        return line.add("share", FAINT)

    def row(self, name: str, pid: str, service: str, row: ProcessFigures) -> Line:
        """One process, or several as one."""
        line = Line("").left(name, ROLE).right(pid, PID)
        if self.service:
            line.left(service, self.service)
        cpu, pss, share = row.cpu, row.pss_bytes, row.share
        line.add(bar((cpu or 0.0) / self.cpu_scale, self.bar), CPU)
        line.right("–" if cpu is None else f"{cpu * 100:.0f} %", CPU_TEXT).add("  ")
        line.add(bar((pss or 0) / self.pss_scale, self.bar), MEMORY)
        line.right("–" if pss is None else format_bytes(pss), PSS_TEXT).add("  ")
        if share is not None:
            line.add(bar(share / self.share_scale, self.bar), SHARE).right(f"{share * 100:.0f} %", SHARE_TEXT - 1)
        return line

    def total(self, row: ProcessFigures) -> Line:
        """The sum below the table, without bars: it has another scale."""
        line = Line("").left("sum", ROLE, FAINT).right("", PID)
        if self.service:
            line.left("", self.service)
        line.add(" " * self.bar).right("–" if row.cpu is None else f"{row.cpu * 100:.0f} %", CPU_TEXT, FAINT)
        line.add("  " + " " * self.bar)
        return line.right("–" if row.pss_bytes is None else format_bytes(row.pss_bytes), PSS_TEXT, FAINT)


def process_lines(rows: Sequence[ProcessFigures], width: int, room: int) -> list[Line]:
    """At most ``room`` lines: heading, processes or roles, sum."""
    if not rows:
        return []
    roles = list(dict.fromkeys(row.role for row in rows))
    if room < len(roles) + HEAD_AND_SUM:
        return []
    if room >= len(rows) + HEAD_AND_SUM:
        columns = _Columns(rows, width)
        lines = [columns.row(row.role, str(row.pid), row.service, row) for row in rows]
    else:
        groups = [[row for row in rows if row.role is role] for role in roles]
        sums = [together(group) for group in groups]
        columns = _Columns(sums, width)
        lines = [
            columns.row(total.role, f"× {len(group)}", "", total) for group, total in zip(groups, sums, strict=True)
        ]
    return [columns.head(), *lines, columns.total(together(rows))]


def together(rows: Sequence[ProcessFigures]) -> ProcessFigures:
    """Several processes as one; a sum with an unknown part is unknown."""
    first = rows[0]
    return ProcessFigures(
        pid=first.pid,
        role=first.role,
        service=first.service,
        cpu=_sum(row.cpu for row in rows),
        pss_bytes=_whole(_sum(row.pss_bytes for row in rows)),
        share=_sum(row.share for row in rows),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)

"""Shares over time: a row for each serving process, the darker the more of the requests it answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.report.charts.axes import GAP, NAMES_HEIGHT, Panel, Stretch, borders_of, frame
from lab.report.charts.scales import UNLABELLED, Scale
from lab.report.charts.svg import WIDTH, beside_arm, drawing, fill_key, hint, in_arm, label, legend, num, tag

LEVELS = 10  # shades; a share of LEVELS / 2 is an even one
NAMED_ROWS = 12  # more rows than these are too low for names
ROW = 22.0
MAX_HEIGHT = 320.0
NAME_LIMIT = 20
MARGIN = 130.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatRow:
    """One process: its share in each bin, None in bins without attributed requests; ``told`` names it in full."""

    name: str
    shares: Sequence[float | None]
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPanel:
    """One arm. ``phases`` are bordered and named, not shaded: shade would pass for a share."""

    arm: int
    heading: str
    starts: Sequence[float]
    rows: tuple[HeatRow, ...]
    phases: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """Arms one below the other on one time axis; ``even`` is 1/N, drawn at half strength; twice as much is full."""

    title: str
    x: Scale
    bin_s: float
    even: float
    x_title: str
    panels: tuple[HeatPanel, ...]

    def svg(self) -> str:
        """The drawing."""
        keys = legend((), [fill_key("0", 0.02), fill_key("1/N, even", 0.5), fill_key("2/N and more", 1.0)])
        y, parts = keys.height, [keys.markup]
        for place, own in enumerate(self.panels):
            height = min(MAX_HEIGHT, ROW * len(own.rows))
            last = place == len(self.panels) - 1
            y += 24 + (NAMES_HEIGHT if own.phases else 0)
            parts.append(self._panel(own, y, height, last=last))
            y += height + (44 if last else 14)
        return drawing(self.title, y, *parts)

    def _panel(self, own: HeatPanel, top: float, height: float, *, last: bool) -> str:
        panel = Panel(left=MARGIN, top=top, width=WIDTH - MARGIN - GAP, height=height, x=self.x, y=UNLABELLED)
        row_height = height / len(own.rows)
        marks = [self._row(panel, own, row, row_height * place, row_height) for place, row in enumerate(own.rows)]
        names = [
            label(
                row.name,
                MARGIN - 8,
                top + row_height * (place + 0.5) + 4,
                NAME_LIMIT,
                class_="minor",
                text_anchor="end",
            )
            for place, row in enumerate(own.rows)
            if len(own.rows) <= NAMED_ROWS
        ]
        body = frame(
            panel,
            in_arm(own.arm, *marks),
            *borders_of(own.phases, panel.x, panel.width, panel.height),
            x_title=self.x_title if last else "",
            heading=own.heading,
            zoom=True,
            x_labels=last,
            arm=own.arm,
            phases=own.phases,
        )
        return body + beside_arm(own.arm, *names)

    def _row(self, panel: Panel, own: HeatPanel, row: HeatRow, top: float, height: float) -> str:
        """One path for each shade: a tenth of the bytes of one rectangle a cell."""
        levels: dict[int, list[str]] = {}
        for start, share in zip(own.starts, row.shares, strict=True):
            if share is None:
                continue
            level = min(LEVELS, round(share / self.even * LEVELS / 2))
            left, right = panel.px(start), panel.px(start + self.bin_s)
            levels.setdefault(level, []).append(
                f"M{num(left)},{num(top)}h{num(right - left)}v{num(height)}H{num(left)}z"
            )
        cells = [
            tag("path", class_="bar", fill_opacity=f"{max(level / LEVELS, 0.02):.2f}", d="".join(parts))
            for level, parts in sorted(levels.items())
        ]
        percents = " ".join("-" if share is None else f"{share * 100:.3g}" for share in row.shares)
        return tag(
            "g",
            hint(row.told or row.name),
            *cells,
            class_="heat-row",
            data_top=num(top),
            data_height=num(height),
            data_shares=percents,
            data_start=f"{own.starts[0]:g}",
            data_bin=f"{self.bin_s:g}",
        )

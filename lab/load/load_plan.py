"""The plan of one load run: the lab writes it, every load process reads it. Imports nothing heavy."""

import json
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from lab.load.arrivals import Timetable
from lab.plan.upstream import NAMED_UPSTREAM, UpstreamOf, upstream_reader

Fallback = Literal["socket", "upstream", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """One load run. ``rate`` None means the locustfile's own closed model.

    ``user_classes``, ``tags`` and ``exclude_tags`` narrow the locustfile; empty means all of it. A serving
    process that has served fewer than ``min_warmup_requests`` when the warm-up ends is starved (METHOD 6.3).
    ``root`` is the working directory of the locustfile, ``args`` are its own arguments, ``python`` runs it.
    ``directory`` receives the logs, and raw recordings until they are merged.
    ``upstream_of`` ("module:function", "" for none) reads from the headers of an answer which address of the front's
    served it. ``trust``: certificate (PEM) of the authority behind an arm's own; "" for those that everybody trusts.
    ``kernel_times``: the kernel tells when answers came, which it cannot where any arm of the run speaks TLS.
    ``stretches`` of the measure phase: see Timetable. ``cores``: those to which the load processes keep; none: all.
    ``machines``: so many drive load, and process ``p`` runs on the ``p % machines``-th; several see no common file, and
    the lab says when phases begin (lab.load.lead).
    ``by_hand``: users come and go as a person says at a page, whose Locust is the master and the load processes are its
    workers; phases are the person's tests.
    ``further_urls``: where the arm is too, beside ``base_url``: see ``of``. ``bad_after_s``: of a drill, whose load is
    given up where most answers stay later than that (see lab.load.inside.aborting); 0: it never is.
    """

    locustfile: Path
    root: Path
    base_url: str
    rate: float | None
    schedule: str
    seed: int
    lanes: int
    load_processes: int
    user_classes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    python: str = field(default_factory=lambda: sys.executable)
    serving_processes: int
    warmup_s: float
    min_warmup_requests: int
    measure_s: float
    queue_limit: int
    directory: Path
    upstream_of: str = NAMED_UPSTREAM
    trust: str = ""
    kernel_times: bool = True
    stretches: tuple[tuple[float, float, float], ...] = ()
    bad_after_s: float = 0.0
    cores: tuple[int, ...] = ()
    machines: int = 1
    by_hand: bool = False
    further_urls: tuple[str, ...] = ()

    @property
    def open_model(self) -> bool:
        """True when arrivals follow a schedule."""
        return self.rate is not None

    def of(self, process: int) -> Self:
        """The plan as one of the load processes has it: these are dealt out to all places of the arm in turn."""
        urls = (self.base_url, *self.further_urls)
        return replace(self, base_url=urls[process % len(urls)])

    def upstream_reader(self, fallback: Fallback) -> UpstreamOf | None:
        """The function that ``upstream_of`` names, where the fallback asks for it."""
        return upstream_reader(self.upstream_of) if fallback == "upstream" else None

    @property
    def led(self) -> bool:
        """True when the lab says when phases begin, and not load process 0."""
        return self.machines > 1

    @property
    def raw(self) -> Path:
        """Folder of what load processes and lab tell each other."""
        return self.directory / "load"

    @property
    def plan_file(self) -> Path:
        """This plan, for the load processes."""
        return self.raw / "plan.json"

    @property
    def marks_file(self) -> Path:
        """The instant of the start, and of the end where a drill is given up; one decides for all, see ``led``."""
        return self.raw / "marks.json"

    @property
    def clocks_file(self) -> Path:
        """By how much the clock of each machine is ahead of the lab's, for those who follow what grows here."""
        return self.raw / "clocks.json"

    def status_file(self, process: int) -> Path:
        """The latest status of one load process."""
        return self.raw / f"status-{process}.json"

    def recording_file(self, process: int) -> Path:
        """The rows of one load process; its strings lie beside it."""
        return self.raw / f"requests-{process}.bin"

    def mail_file(self, process: int) -> Path:
        """The messages of a Locust that is master or worker: what one load process says to the other side."""
        return self.raw / f"mail-{process}.lines"

    def log_file(self, process: int) -> Path:
        """The log of one load process: what it and the locustfile printed."""
        return self.directory / ("locust.log" if self.load_processes == 1 else f"locust-{process}.log")

    def timetable(self, lanes: int) -> Timetable:
        """The schedule of an open run whose locustfile really has ``lanes`` lanes."""
        if self.rate is None:
            raise ValueError("the closed model has no schedule")
        return Timetable(
            rate=self.rate,
            schedule=self.schedule,
            seed=self.seed,
            lanes=lanes,
            measure_s=self.measure_s,
            stretches=self.stretches,
        )

    def queue_share(self, process: int) -> int:
        """The part of ``queue_limit`` that one load process may use; the shares add up to the limit."""
        return len(range(process, self.queue_limit, self.load_processes))

    def write(self) -> None:
        """Write ``plan_file``."""
        values = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        self.plan_file.write_text(json.dumps(values), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what ``write`` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        for key in ("user_classes", "tags", "exclude_tags", "args", "cores", "further_urls"):
            values[key] = tuple(values[key])
        values["stretches"] = tuple(tuple(stretch) for stretch in values["stretches"])
        for key in ("locustfile", "root", "directory"):
            values[key] = Path(values[key])
        return cls(**values)

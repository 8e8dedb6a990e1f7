"""A sampler on every machine of a trial: those of the arm, and those that drive load where they are others."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from lab.engines import Deployment, Part
from lab.record.schema import OPTIONAL
from lab.sampling.channel import Launch, directory_of
from lab.sampling.plan import SamplerPlan
from lab.sampling.sampler import SAMPLED, Sampler, SamplerOutcome

HOST = "host"
LOAD_COLUMNS = ("load_cpu_s", "load_cpu_max_s", "load_rss_bytes")
Start = Callable[[SamplerPlan, Launch], AbstractContextManager[Sampler]]


@dataclass(frozen=True)
class Samplers:
    """All of them, as one is used: what makes one fail, makes all fail. ``others``: with the folders of their tables.

    Load is driven on the machines of the last ``loads`` of them.
    """

    first: Sampler
    others: Sequence[tuple[Sampler, Path]] = ()
    loads: int = 1

    def check(self) -> None:
        """Raise SamplingError when one has died."""
        for sampler in (self.first, *(sampler for sampler, _ in self.others)):
            sampler.check()

    def result(self, target: Path) -> SamplerOutcome:
        """Stop all, and write their readings into one table each: hosts in order, those that drive load last."""
        found = self.first.result(target)
        beside = [sampler.result(folder) for sampler, folder in self.others]
        for name in SAMPLED if beside else ():
            paths = [folder / f"{name}.parquet" for folder in (target, *self._folders)]
            tables = [pl.read_parquet(path) for path in paths if path.exists() or name not in OPTIONAL]
            if name == HOST:
                tables = [*map(_without_load, tables[: -self.loads]), *tables[-self.loads :]]
            if tables:
                pl.concat(tables).write_parquet(paths[0])
        for folder in self._folders:
            shutil.rmtree(folder)
        watched = [each.connections for each in (found, *beside) if each.connections is not None]
        connections = pl.concat(watched) if watched else None
        return replace(found, beside=tuple(each.facts for each in beside), connections=connections)

    @property
    def _folders(self) -> tuple[Path, ...]:
        return tuple(folder for _, folder in self.others)


def _without_load(host: pl.DataFrame) -> pl.DataFrame:
    """No load is driven there."""
    return host.with_columns(pl.lit(0).cast(host.schema[name]).alias(name) for name in LOAD_COLUMNS)


@contextmanager
def samplers(
    start: Start, plan: SamplerPlan, deployment: Deployment, load_pids: Sequence[tuple[int, ...]]
) -> Iterator[Samplers]:
    """Start what samples a deployment; ``plan`` is that of a trial on one machine.

    ``load_pids``: the load processes of each machine that drives load.
    """
    plans = [(_of_part(plan, part), part.launch) for part in deployment.parts]
    for generator in deployment.generators:
        plans.append((replace(_beside_arm(plan, generator.name), lab_pid=generator.lab_pid), generator.launch))
    driving: Sequence[tuple[int, ...]] = [*[()] * (len(plans) - len(load_pids)), *load_pids]
    with ExitStack() as stack:
        running = []
        for number, ((own, launch), pids) in enumerate(zip(plans, driving, strict=True)):
            folder = directory_of(plan.directory, number)
            placed = replace(own, directory=folder, load_pids=pids)
            running.append((stack.enter_context(start(placed, launch)), folder))
        yield Samplers(running[0][0], running[1:], len(load_pids))


def _of_part(plan: SamplerPlan, part: Part) -> SamplerPlan:
    """The targets on one of the machines; the one service whose connections are watched is on one of them."""
    targets = tuple(each for each in plan.targets if each.service in part.services)
    own = replace(plan, node=part.node, targets=targets, lab_pid=part.lab_pid or plan.lab_pid)
    return own if plan.watched_service in part.services else replace(own, watched_port=0, watched_service="")


def _beside_arm(plan: SamplerPlan, node: str) -> SamplerPlan:
    """A machine on which nothing of the arm runs."""
    return replace(plan, node=node, targets=(), watched_port=0, watched_service="", pooled=False)

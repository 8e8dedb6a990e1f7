"""A sampler on every machine of a trial: the arm's, and the one that drives load where that is another."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl

from lab.engines import Deployment
from lab.sampling.channel import Launch
from lab.sampling.plan import SamplerPlan
from lab.sampling.sampler import Sampler, SamplerOutcome

FOLDER = "generator"  # inside the plan's directory: what the other sampler writes, until it is joined
HOST = "host.parquet"
LOAD_COLUMNS = ("load_cpu_s", "load_cpu_max_s", "load_rss_bytes")
Start = Callable[[SamplerPlan, Launch], AbstractContextManager[Sampler]]


class TwoSamplers:
    """Both, as one is used: what makes one of them fail, makes both fail."""

    def __init__(self, arm: Sampler, generator: Sampler, folder: Path) -> None:
        self._arm = arm
        self._generator = generator
        self._folder = folder

    def check(self) -> None:
        """Raise SamplingError when one has died."""
        self._arm.check()
        self._generator.check()

    def result(self, target: Path) -> SamplerOutcome:
        """Stop both, and write the tables of the arm's machine, with the readings of both machines in one."""
        found = self._arm.result(target)
        beside = self._generator.result(self._folder)
        arm = pl.read_parquet(target / HOST)
        none_here = arm.with_columns(pl.lit(0).cast(arm.schema[name]).alias(name) for name in LOAD_COLUMNS)
        pl.concat([none_here, pl.read_parquet(self._folder / HOST)]).write_parquet(target / HOST)
        shutil.rmtree(self._folder)
        return replace(found, generator=beside.facts)


@contextmanager
def samplers(start: Start, plan: SamplerPlan, deployment: Deployment) -> Iterator[Sampler | TwoSamplers]:
    """Start what samples a deployment; ``plan`` is that of a trial on one machine."""
    plan, generator = replace(plan, node=deployment.node), deployment.generator
    if generator is None:
        with start(plan, deployment.launch) as sampler:
            yield sampler
        return
    folder = plan.directory / FOLDER
    there = replace(
        plan,
        targets=(),
        lab_pid=generator.lab_pid,
        watched_port=0,
        watched_service="",
        pooled=False,
        directory=folder,
        node=generator.name,
    )
    with (
        start(replace(plan, load_pids=()), deployment.launch) as arm,
        start(there, generator.launch) as beside,
    ):
        yield TwoSamplers(arm, beside, folder)

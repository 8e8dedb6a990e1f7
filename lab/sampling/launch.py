"""Start the sampling program for one trial: as a child process of the lab, or however a deployment asks for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from lab.host.jsonlines import Lines
from lab.sampling.channel import Channel, Child
from lab.sampling.plan import SamplerPlan, plan_to_json

FOLDER = "sampling"  # inside the plan's directory: raw rows, gone once they are tables
LOG = "sampler.log"


@dataclass(frozen=True, slots=True)
class Launched:
    """The program has its plan; ``folder`` is where its raw rows go. Whoever is given it closes the channel."""

    channel: Channel
    folder: Path


Launch = Callable[[SamplerPlan], AbstractContextManager[Launched]]


@contextmanager
def as_child(plan: SamplerPlan) -> Iterator[Launched]:
    """A process in a session of its own, so that Ctrl-C reaches only the lab, which then stops it in order."""
    folder = plan.directory / FOLDER
    folder.mkdir(parents=True)
    written = folder / "plan.json"
    written.write_text(plan_to_json(replace(plan, directory=folder)), encoding="utf-8")
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.sampling", str(written)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
            start_new_session=True,
        )
    lines = Lines(cast(IO[bytes], process.stdout), cast(IO[bytes], process.stdin))
    yield Launched(Channel(Child(process, folder / LOG), lines), folder)


@contextmanager
def without_memory(plan: SamplerPlan) -> Iterator[Launched]:
    """As ``as_child``, where the memory of processes may not be read: their PSS and USS are missing."""
    with as_child(replace(plan, memory_readable=False)) as launched:
        yield launched

"""HUB: what was seen of an arm before load, and the bounds of what a record can hold. Light: agents import it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from lab.record.columns import MAX_COUNT, MAX_INSTANT_S

# Bounds that whoever reads a record checks; no lab can have measured anything beyond.
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(ge=0, le=MAX_INSTANT_S)]
Instant = Annotated[float, Field(ge=-MAX_INSTANT_S, le=MAX_INSTANT_S)]
Finite = Annotated[float, Field(allow_inf_nan=False)]

NAGLE_MIN_S = 0.035  # TCP's delayed acknowledgement waits 40 ms; measured 44 ms a request (FIELD 2)
NAGLE_MAX_S = 0.060


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The evidence: what was seen of an arm before load.

    ``servers``: answers by serving process. ``roles``: service → role → number of processes, of the app's services.
    ``listeners``: address → service whose process listens there ("" for a stranger). ``upstreams``: addresses that the
    front named in its answers, "" for one that named none. ``runtime``: event loop, HTTP implementation, allocator.
    ``strangers``: what else runs from the same image; ``neighbours``: the runs of other labs that do.
    ``keepalive_first_s`` and ``keepalive_s``: time of the first request, and median of the following ones, on the
    quicker of two kept-alive connections straight to the app.
    ``unseen``: why the processes could not be looked at; ``listeners`` and ``runtime`` are then empty, and not judged.
    ``exposed``: ports of this machine that the arm has and on which something listens that the network can reach.
    ``ignored_header``: a header of the app's that was to name its processes and does not, with what it said.
    ``homes``: how the process at each address names itself in its answers, or a front names it there → that address;
    where each has its own.
    ``tls``: version, cipher, HTTP by ALPN and sessions resumed, empty without. ``client``: client and scheme as the app
    sees them of a request that forges both, empty where it does not tell.
    """

    servers: Mapping[str, Count] = field(default_factory=dict)
    roles: Mapping[str, Mapping[str, Count]] = field(default_factory=dict)
    listeners: Mapping[str, str] = field(default_factory=dict)
    upstreams: tuple[str, ...] = ()
    runtime: Mapping[str, str] = field(default_factory=dict)
    strangers: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    keepalive_first_s: Seconds = 0.0
    keepalive_s: Seconds = 0.0
    homes: Mapping[str, str] = field(default_factory=dict)
    unseen: str = ""
    ignored_header: str = ""
    exposed: tuple[Port, ...] = ()
    tls: Mapping[str, str] = field(default_factory=dict)
    client: Mapping[str, str] = field(default_factory=dict)

"""How long a health check waits for a service, by its own timings: start_period, interval and retries. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from lab.scenario.app import App

TIMINGS = ("start_period", "interval", "retries")
USUAL = {"start_period": "0s", "interval": "30s", "retries": 3}  # Docker's own
PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def patience_s(healthcheck: Any) -> float | None:
    """Seconds until it calls the service unhealthy; None where it says nothing, or less than the lab waits anyway.

    Raises ValueError for a duration that is none.
    """
    if not isinstance(healthcheck, Mapping) or healthcheck.get("disable"):
        return None
    if not any(healthcheck.get(key) for key in TIMINGS):
        return None
    told = {**USUAL, **{key: healthcheck[key] for key in TIMINGS if healthcheck.get(key)}}
    total = duration_s(told["start_period"]) + int(told["retries"]) * duration_s(told["interval"])
    return total if total > App.ready_timeout else None


def duration_s(text: Any) -> float:
    """Seconds of a duration as Compose writes it: ``1m30s``. Raises ValueError."""
    parts = PART.findall(str(text))
    if "".join(f"{number}{unit}" for number, unit in parts) != str(text):
        raise ValueError(f"{text!r} is no duration such as 1m30s")
    return sum(float(number) * SECONDS[unit] for number, unit in parts)

"""What a front refused, in words."""

from lab.record.types import Finding

REFUSALS = {
    "400": "malformed requests, or headers above its limit",
    "413": "bodies above its limit",
    "414": "request lines above its limit",
    "431": "headers above its limit",
    "494": "headers above its limit",
    "502": "no answer of the app, or one with headers above its limit",
    "503": "nobody to ask",
    "504": "an app that was slower than its time limit",
}  # statuses of a front's own answers


def refused(finding: Finding) -> str:
    """``"413 (bodies above its limit)"``: the statuses that the finding is about, most frequent first."""
    return "; ".join(f"{status} ({REFUSALS.get(status, 'unknown')})" for status in finding.subject.split(", "))

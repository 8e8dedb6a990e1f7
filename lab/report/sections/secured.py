"""What clients get over TLS, arm by arm, as it was attested before the load."""

from collections.abc import Iterator

from lab.analysis.summary import RunSummary
from lab.report.content import Cell, Table
from lab.report.parts.cells import columns, words

NEGOTIATED = {"version": "TLS", "cipher": "cipher", "alpn": "HTTP by ALPN", "resumed": "sessions resumed"}


def tls_table(summary: RunSummary) -> Table | None:
    """One row for each arm with TLS; None where no arm has it."""
    rows = tuple(_rows(summary))
    if not rows:
        return None
    return Table(
        key="tls",
        title="TLS",
        columns=columns("arm", *NEGOTIATED.values()),
        rows=rows,
        note="Asked before the load, here of each arm's first trial, with an offer of HTTP/2 and HTTP/1.1 and, for the "
        "last column, of the session of an earlier connection. The load itself speaks HTTP/1.1 and offers no session. "
        "The certificate is of the run's own authority, which load and probes trust, with keys of ECDSA (P-256).",
    )


def _rows(summary: RunSummary) -> Iterator[tuple[Cell, ...]]:
    for arm in summary.scenario.arms:
        for trial in summary.of_arm(arm.name)[:1]:
            if found := trial.record.attestation.tls:
                yield tuple(words(arm.name, *(found.get(key, "") for key in NEGOTIATED)))

"""When every new connection was shown a new certificate. Pure."""

from lab.analysis.trial.drill import Aftermath, Values
from lab.record.schema import ACTION, CERTIFICATE_SEEN


def renewal_values(found: Aftermath | None) -> Values:
    """The metrics of it; None where no certificate was changed."""
    acts = found.acts if found else ()
    seen = next((act for act in acts if act.kind == f"{ACTION}{CERTIFICATE_SEEN}"), None)
    return {"drill.certificate": seen.t_s - found.action_s if found and seen else None}

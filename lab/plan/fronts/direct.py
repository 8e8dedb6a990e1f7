"""Front ``direct``: none. Clients connect to the app itself, which then speaks TLS if they do."""

from typing import Literal

from lab.plan.fronts.front import Front, Tls, titled
from lab.scenario.kinds import options


@options
class Direct:
    """Clients connect to the app itself; `tls`: over TLS, which ends in its own server."""

    kind: Literal["direct"] = "direct"
    tls: Tls = False


DIRECT = Front(
    options=Direct,
    services=lambda _chosen, _place: (),
    image=None,
    hops=0,
    entry=lambda _chosen, place: place.app[0],
    upstream_of=None,
    started=("compose",),
    title=titled,
)

"""Front ``direct``: none. Clients connect to the app itself."""

from typing import Literal

from lab.plan.fronts.front import Front
from lab.scenario.kinds import options


@options
class Direct:
    """Clients connect to the app itself."""

    kind: Literal["direct"] = "direct"


DIRECT = Front(
    options=Direct,
    services=lambda _chosen, _place: (),
    image=None,
    hops=0,
    entry=lambda _chosen, place: place.app[0],
    upstream_of=None,
)

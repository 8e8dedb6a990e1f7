"""The fronts: what clients connect to. Pure, one file each, and a line here that declares it."""

from lab.plan.fronts.caddy import CADDY
from lab.plan.fronts.direct import DIRECT
from lab.plan.fronts.haproxy import HAPROXY
from lab.plan.fronts.nginx import NGINX
from lab.plan.fronts.traefik import TRAEFIK
from lab.scenario.kinds import FRONTS

FRONTS.add(DIRECT)
FRONTS.add(NGINX)
FRONTS.add(HAPROXY)
FRONTS.add(TRAEFIK)
FRONTS.add(CADDY)

"""The targets of `lab export`: what was measured becomes what is deployed. Pure, one file each, a line here."""

from lab.export.compose import COMPOSE
from lab.export.kubernetes import KUBERNETES
from lab.export.nomad import NOMAD
from lab.export.swarm import SWARM
from lab.export.target import TARGETS as TARGETS

TARGETS.declare(COMPOSE.name, COMPOSE)
TARGETS.declare(SWARM.name, SWARM)
TARGETS.declare(KUBERNETES.name, KUBERNETES)
TARGETS.declare(NOMAD.name, NOMAD)

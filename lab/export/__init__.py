"""The targets of `lab export`: what was measured becomes what is deployed. Pure, one file each, a line here."""

from lab.export.compose import COMPOSE
from lab.export.kubernetes import KUBERNETES
from lab.export.target import TARGETS as TARGETS

TARGETS.declare(COMPOSE.name, COMPOSE)
TARGETS.declare(KUBERNETES.name, KUBERNETES)

"""The process models: how N serving processes come about. THE STUDIED DIFFERENCE. Pure, one file each, a line here."""

from lab.plan.models.replicas import REPLICAS
from lab.plan.models.workers import WORKERS
from lab.scenario.kinds import MODELS

MODELS.add(WORKERS)
MODELS.add(REPLICAS)

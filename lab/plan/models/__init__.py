"""The process models: how N serving processes come about. THE STUDIED DIFFERENCE. Pure, one file each, a line here."""

from lab.plan.models.fastapi_run import FASTAPI_RUN
from lab.plan.models.granian import GRANIAN
from lab.plan.models.gunicorn import GUNICORN
from lab.plan.models.hybrid import HYBRID
from lab.plan.models.hypercorn import HYPERCORN
from lab.plan.models.replicas import REPLICAS
from lab.plan.models.threads import THREADS
from lab.plan.models.workers import WORKERS
from lab.scenario.kinds import MODELS

MODELS.add(WORKERS)
MODELS.add(REPLICAS)
MODELS.add(HYBRID)
MODELS.add(GUNICORN)
MODELS.add(GRANIAN)
MODELS.add(HYPERCORN)
MODELS.add(FASTAPI_RUN)
MODELS.add(THREADS)

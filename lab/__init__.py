"""Process-model comparison lab: one container with N workers, or N containers behind nginx? Measured."""

from importlib.metadata import version

__version__ = version("process-model-lab")

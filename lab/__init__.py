"""Process-model comparison lab: one container with N workers, or N containers behind nginx? Measured.

In comments METHOD n.m is a section of docs/method.md, and FIELD n a section of docs/traps.md.
"""

from importlib.metadata import version

__version__ = version("process-model-lab")

"""Facts of the environment as people say them: a name instead of a key, a value with its unit."""

from collections.abc import Callable, Mapping

from lab.report.parts.cells import UNKNOWN
from lab.units import format_bytes

NAMES: Mapping[str, str] = {
    "lab": "lab version",
    "python": "Python of the lab",
    "docker_sdk": "Docker SDK",
    "cpu_model": "CPU",
    "cpu_count": "cores the lab may use",
    "cpu_online": "cores of the machine",
    "memory_bytes": "memory",
    "clock_source": "clock source",
    "cpu_governor": "CPU governor",
    "pressure_stall": "kernel tells pressure (PSI)",
    "load_average": "load average over a minute, before the run",
    "machine": "mark of the machine",
    "engine_marked": "the mark is of the engine's machine",
    "foreign": "other programs before the run, in cores",
    "docker": "Docker",
    "docker_api": "Docker API",
    "storage_driver": "storage driver",
    "cgroup_driver": "cgroup driver",
    "cgroup_version": "cgroup version",
    "docker_root": "folder of Docker",
    "sampled_by": "processes read by",
    "app_python": "Python of the app",
    "image_digest": "image digest",
    "bundle_sha256": "sha256 of the locustfile and its files",
}
VALUES: Mapping[str, Callable[[str], str]] = {
    "memory_bytes": lambda text: format_bytes(float(text)),
    "load_average": lambda text: f"{float(text):.2f}",
}
FLAGS = {"True": "yes", "False": "no"}


def fact_name(key: str) -> str:
    """``"memory"`` of ``memory_bytes``; of a key that nobody named its words."""
    return NAMES.get(key, key.replace("_", " ").replace(".", ", "))


def fact_value(key: str, text: str) -> str:
    """A value as people write it; a dash where the machine did not tell."""
    if not text:
        return UNKNOWN
    try:
        return VALUES[key](text) if key in VALUES else FLAGS.get(text, text)
    except ValueError:
        return text  # a run folder may hold anything

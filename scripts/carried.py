"""What a wheel carries beside the package: the demo app with its Dockerfile, the scenarios and the locustfiles.

They are placed to each other as in the repository, in the package and never beside it: a user's own package may be
called `app`. An editable install has none of it: a folder `lab` beside everything installed would be found by `import
lab` from where the lab itself must not be found, a user's locustfile.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CARRIED = (
    ".dockerignore",
    "Dockerfile",
    "Dockerfile.uv",
    "app",
    "locustfiles",
    "requirements/app.txt",
    "requirements/app-uv.txt",
    "requirements/uv.txt",
    "scenarios",
)


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling calls it by this name."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them to a wheel that is handed on."""
        if version == "standard":
            build_data["force_include"].update({name: f"lab/_demo/{name}" for name in CARRIED})

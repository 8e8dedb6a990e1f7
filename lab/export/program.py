"""The program of a container, for targets that cannot be told to leave out the entrypoint of an image. Pure."""

from lab.export.deployment import Deployment


def refused_program(deployment: Deployment) -> str:
    """Why a program cannot be told: a sentence; "" where all can."""
    for service in (service for stage in deployment.stages for service in stage.containers):
        if service.program == ((), ()):
            return (
                f"{service.name} runs its image's own command without its entrypoint, which cannot be said there: "
                "write the command into the scenario"
            )
    return ""

"""How a text stays as it is where a Swarm takes it for a template of Go: in values of the environment and in mounts."""

BRACES = '{{"{{"}}'  # what a template makes two braces of


def swarm_literal(text: str) -> str:
    """The text as a Swarm is given it, so that the container gets what it says."""
    return text.replace("{{", BRACES)

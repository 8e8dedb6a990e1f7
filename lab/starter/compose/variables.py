"""Variables in a compose file, as Compose fills them: from the environment, then from .env beside the file. Pure."""

import re
from collections.abc import Mapping

from lab.engines.images import variables as written
from lab.errors import UsageError
from lab.scenario.secret import is_secret


def fill(text: str, variables: Mapping[str, str]) -> str:
    """The text with its variables. Raises UsageError when it demands one that is not set, or is malformed."""
    try:
        return written.fill(text, variables)
    except written.NotFilledError as error:
        if not error.name:
            raise UsageError(f"the compose file {error}") from None
        raise UsageError(
            f"the compose file needs the variable {error.name}: {error}",
            f"set it in the environment, or in .env beside the compose file: {error.name}=…",
        ) from None


def names_in(text: str) -> tuple[str, ...]:
    """The variables that a text asks for, each once."""
    found = re.findall(r"\$\{?([A-Za-z_]\w*)", text.replace("$$", ""), re.ASCII)
    return tuple(dict.fromkeys(found))


def secrets_behind(text: str, variables: Mapping[str, str], name: str = "") -> tuple[str, ...]:
    """The variables by which a text would hold a secret that the file itself does not: () when it may be written down.

    ``name``: of the variable that the text becomes the value of.
    """
    outside = tuple(each for each in names_in(text) if each in variables)
    secret = tuple(each for each in outside if is_secret(each, variables[each]))
    return secret or (outside if outside and is_secret(name, fill(text, variables)) else ())

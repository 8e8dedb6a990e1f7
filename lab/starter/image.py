"""Look at a finished image that an engine here knows: how it starts, and which paths its app has."""

import json
import re
from collections.abc import Callable

import docker
import docker.errors
from requests.exceptions import RequestException

from lab.engines.docker.engine import connect
from lab.engines.images.asking import ask_python
from lab.engines.images.images import find_image
from lab.errors import MissingError
from lab.host.labels import labels
from lab.starter.command import image_start
from lab.starter.guesses import Look, look_at_image

ENGINE_TROUBLE = (docker.errors.DockerException, RequestException)
NO_ANSWER = (*ENGINE_TROUBLE, MissingError, ValueError, TypeError, IndexError)
PATH = re.compile(r"/[\x21-\x7e]*")
# GET paths that need nothing, as its /openapi.json has them, without a server. An app may print while it is imported.
QUESTION = """
import importlib, json, operator, sys
module, _, name = sys.argv[1].partition(":")
found = operator.attrgetter(name)(importlib.import_module(module)).openapi()["paths"].items()
print("\\n" + json.dumps([path for path, methods in found if "get" in methods and "{" not in path
    and not any(each.get("required") for each in methods["get"].get("parameters", ()))]))
"""


def look_at_finished(
    name: str,
    port: int | None,
    say: Callable[[str], None],
    *,
    target: str = "",
    paths: bool = True,
    docker_client: Callable[[], docker.DockerClient] = connect,
) -> Look | None:
    """Guesses from the image and its app; None where no engine answers or none knows the image: nothing is pulled.

    ``target``: its app, module:name, where the person has said so; ``paths``: whether paths to load are missing. The
    app is asked only for what nobody has said; what it does not tell is a note and no error.
    Raises MissingError when the name is none that Docker understands.
    """
    try:
        client = docker_client()
    except MissingError:
        return None

    def paths_of(app: str) -> tuple[str, ...]:
        say(f"asking {app} for its paths: imported in a container of {name}, without network, for a minute at most")
        try:
            told = ask_python(client, name, QUESTION, labels("init", "paths"), app, program="python")
            return tuple(path for path in json.loads(told.strip().splitlines()[-1]) if PATH.fullmatch(path))
        except NO_ANSWER as error:
            say(f"note: it did not say: {error}")
            return ()

    try:
        image = find_image(client, name)
        if image is None:
            return None
        start = image_start(image.attrs["Config"])
        return look_at_image(start, port, target, paths_of if paths or not start.ready_path else lambda _: ())
    except ENGINE_TROUBLE:
        return None
    finally:
        client.close()

"""Look at a finished image that an engine here knows: how it starts, and which paths its app has."""

import io
import json
import re
import tarfile
from base64 import b64decode
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import docker
import docker.errors
from requests.exceptions import RequestException

from lab.engines.docker.engine import connect
from lab.engines.docker.removal import remove_container
from lab.engines.images.asking import ask_python
from lab.engines.images.images import find_image
from lab.errors import MissingError
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import labels
from lab.starter.folder import MAX_BYTES
from lab.starter.guesses import Guesses, PathsOf, Wanted, look_at_image
from lab.starter.servers import server_at

ENGINE_TROUBLE = (docker.errors.DockerException, RequestException)
NO_ANSWER = (*ENGINE_TROUBLE, MissingError, ValueError, TypeError, IndexError)
IS_FOLDER = 1 << 31  # of a mode as the engine, which is written in Go, has it
PATH = re.compile(r"/[\x21-\x7e]*")
# GET paths that need no more than what is in them, as its /openapi.json has them, without a server.
# An app may print while it is imported.
QUESTION = """
import importlib, json, operator, sys
module, _, name = sys.argv[1].partition(":")
found = operator.attrgetter(name)(importlib.import_module(module)).openapi()["paths"].items()
print("\\n" + json.dumps([path for path, methods in found if "get" in methods
    and not any(each.get("required") and each["in"] != "path" for each in methods["get"].get("parameters", ()))]))
"""


def look_at_finished(
    name: str,
    wanted: Wanted,
    say: Callable[[str], None],
    *,
    paths: bool = True,
    docker_client: Callable[[], docker.DockerClient] = connect,
) -> Guesses | None:
    """Guesses from the image and its app; None where no engine answers or none knows the image: nothing is pulled.

    ``paths``: whether paths to load are missing. The app is asked only for what nobody has said; what it does not tell
    is a note and no error. Raises MissingError when the name is none that Docker understands.
    """
    try:
        client = docker_client()
    except MissingError:
        return None
    try:
        image = find_image(client, name)
        if image is None:
            return None
        config = image.attrs["Config"]
        read = file_reader(client, name, config.get("WorkingDir") or "/")
        look = look_at_image(config, wanted, read=read)
        if not paths and look.ready_path:
            return look
        ask = _asker(client, name, _python([*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]), say)
        return look_at_image(config, wanted, ask, read)
    except ENGINE_TROUBLE:
        return None
    finally:
        client.close()


def _asker(client: docker.DockerClient, name: str, python: str, say: Callable[[str], None]) -> PathsOf:
    def paths_of(app: str) -> tuple[str, ...]:
        say(f"asking {app} for its paths: imported in a container of {name}, without network, for a minute at most")
        try:
            told = ask_python(client, name, QUESTION, labels("init", "paths"), app, program=python)
            return tuple(path for path in json.loads(told.strip().splitlines()[-1]) if PATH.fullmatch(path))
        except NO_ANSWER as error:
            say(f"note: it did not say: {error}")
            return ()

    return paths_of


def _python(words: Sequence[str]) -> str:
    """The Python beside the server, where the command names that by its path: a virtual environment off PATH."""
    at = server_at(words)
    return str(PurePosixPath(words[at]).with_name("python")) if at >= 0 and "/" in words[at] else "python"


def file_reader(client: docker.DockerClient, name: str, folder: str) -> Callable[[str], str | None]:
    """A function that reads a file of the image in a container that is never started; paths begin at ``folder``."""

    def read(path: str) -> str | None:
        with INTERRUPTS.deferred():
            container = client.containers.create(name, command=["-"], labels=dict(labels("init", "read")))
            try:
                archive = _archive(client, container.id, str(PurePosixPath(folder, path)))
            finally:
                remove_container(client, container.id)
        if not archive:
            return None
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member is not None and member.isfile() else None
            return None if file is None else file.read().decode(errors="replace")

    return read


def _archive(client: docker.DockerClient, container: str, path: str) -> bytes:
    """The file as a tar archive; b"" when there is none, or when it is a folder or no small file."""
    address = f"{client.api.base_url}/v{client.api.api_version}/containers/{container}/archive"
    with client.api.get(address, params={"path": path}, stream=True) as answer:  # the SDK's own cannot be left early
        if not answer.ok:
            return b""
        about = json.loads(b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
        small = about["size"] <= MAX_BYTES and not about["mode"] & IS_FOLDER
        return bytes(answer.content) if small else b""

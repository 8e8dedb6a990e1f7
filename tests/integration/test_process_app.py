"""The app without its image: an environment that is made once, and code that a later edit does not reach."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.engines.images.asking import environment_versions
from lab.engines.process.app import COMPLETE, prepare_app
from lab.errors import MissingError
from lab.host.labels import labels
from lab.scenario.model import App

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("process_app")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by the tests, as it is by runs."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def app(tmp_path: Path) -> App:
    """A build folder whose app needs no package, so that no index is asked."""
    folder = tmp_path / "shop"
    (folder / "api").mkdir(parents=True)
    (folder / "api" / "main.py").write_text("app = 1\n")
    (folder / "broken.py").write_text("def (:\n")
    (folder / "secret.txt").write_text("not for the image\n")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / ".dockerignore").write_text("secret.txt\n")
    (folder / "link").symlink_to("api/main.py")
    requirements = folder / "requirements.txt"
    requirements.write_text("# nothing\n")
    return App(build=folder, requirements=requirements)


def test_it_is_made_once_and_kept(app: App, cache: Path) -> None:
    """The second time says and makes nothing; the code is what `docker build` would see, compiled."""
    said: list[str] = []
    place, image = prepare_app(app, said.append, cache)
    again, same = prepare_app(app, said.append, cache)

    (step,) = said
    assert step.startswith("installing requirements.txt")
    assert (again, same.digest) == (place, image.digest)
    assert (image.origin, same.origin) == ("built", "present")
    assert sorted(path.name for path in place.code.iterdir() if path.name != "__pycache__") == [
        *(".dockerignore", "Dockerfile", "api", "broken.py", "link", "requirements.txt")
    ]
    assert (place.code / "link").is_symlink()
    assert list((place.code / "api" / "__pycache__").glob("main.*.pyc"))
    assert environment_versions(place.python, labels("versions", "versions"))["app_python"].count(".") == 2


def test_an_edit_is_another_app_and_does_not_reach_the_first(app: App, cache: Path) -> None:
    """Other code, other digest, the same environment."""
    assert app.build is not None
    place, image = prepare_app(app, print, cache)
    (app.build / "api" / "main.py").write_text("app = 2\n")
    other_place, other_image = prepare_app(app, print, cache)

    assert other_image.digest != image.digest
    assert other_place.environment == place.environment
    assert (place.code / "api" / "main.py").read_text() == "app = 1\n"


def test_two_labs_make_an_environment_together(app: App, tmp_path: Path, cache: Path) -> None:
    """Over the remains of an interrupted one: the first makes it, the second waits and then has it."""
    place, _ = prepare_app(app, print, cache)
    remains = tmp_path / "cache" / "environments" / place.environment.name
    remains.mkdir(parents=True)
    (remains / "half").touch()
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda _: prepare_app(app, print, tmp_path / "cache")[1].origin, range(2)))
    assert sorted(found) == ["built", "present"]
    assert not (remains / "half").exists()
    subprocess.run([remains / "bin" / "python", "-c", "pass"], check=True)


def test_what_cannot_be_installed_is_a_sentence(app: App, tmp_path: Path) -> None:
    """pip's last words, and nothing that looks finished."""
    assert app.requirements is not None
    app.requirements.write_text(f"uvicorn==0.54.0\nclick==8.3.1 --hash=sha256:{'0' * 64}\n")
    began = time.monotonic()
    with pytest.raises(MissingError, match=r"requirements.txt: the app's environment(.|\n)*hash"):
        prepare_app(app, print, tmp_path / "cache")
    assert time.monotonic() - began < 60
    assert not list(tmp_path.glob(f"cache/environments/*/{COMPLETE}"))

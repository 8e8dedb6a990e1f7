"""Images on a real Docker engine: what the build makes, and how failures read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from lab.engines.docker.removal import remove_container
from lab.engines.images.asking import image_versions
from lab.engines.images.build import remove_image
from lab.engines.images.images import ImageRecord, Way
from lab.engines.images.measure import measure_images
from lab.engines.images.offline.wheelhouse import ask_target
from lab.engines.images.prepare import prepare_images
from lab.errors import MissingError
from lab.host.labels import labels, owner
from lab.plan.fronts.front import NOBODY
from lab.scenario.model import App, Arm
from lab.starter.guesses import Wanted
from lab.starter.image import file_reader, look_at_finished
from tests.integration.conftest import REPOSITORY, RUN_ID, app_of_repository, scenario_of

pytestmark = pytest.mark.integration

ARM = Arm(name="replicas", model="replicas", front="nginx")


@contextmanager
def container(client: docker.DockerClient, image: str, command: list[str], **options: object) -> Iterator[Container]:
    """A hardened container as the lab starts them, removed afterwards."""
    created = client.containers.run(
        image,
        command,
        detach=True,
        read_only=True,
        tmpfs={"/tmp": ""},
        cap_drop=["ALL"],
        network_mode="none",
        labels=labels(RUN_ID, "images"),
        **options,
    )
    try:
        yield created
    finally:
        remove_container(client, created.id)


def output(client: docker.DockerClient, image: str, command: list[str], **options: object) -> str:
    """What a command prints in a fresh container; it must succeed."""
    with container(client, image, command, **options) as created:
        code = created.wait(timeout=60)["StatusCode"]
        text: str = created.logs().decode()
    assert code == 0, text
    return text


def test_a_second_run_takes_what_is_there_and_at_once(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With unchanged files nothing is asked, downloaded or built again."""
    steps: list[str] = []
    asked: list[str] = []
    monkeypatch.setattr(client.api, "inspect_distribution", asked.append)
    again = prepare_images(client, scenario_of(ARM), steps.append)

    assert steps == []
    assert asked == [], "of a registry, which may not answer"
    assert {key: record.id for key, record in again.items()} == {key: images[key].id for key in again}
    assert {record.origin for record in again.values()} == {Way.PRESENT}


def test_the_image_runs_fastapi_as_an_ordinary_user_on_a_read_only_root(
    client: docker.DockerClient, images: Mapping[str, ImageRecord]
) -> None:
    """Exec-form CMD with `fastapi run`, no root, and the label by which images of the lab are found."""
    config = client.images.get(images["app"].name).attrs["Config"]

    assert config["Cmd"] == ["fastapi", "run", "app/main.py"]
    assert config["User"] not in ("", "0", "root")
    assert config["Labels"]["lab.image"] == "app"
    probe = (
        "import time, urllib.request\n"
        "for _ in range(600):\n"
        "    try: print(urllib.request.urlopen('http://127.0.0.1:8000/whoami', timeout=60).read().decode()); break\n"
        "    except OSError: time.sleep(0.1)\n"
    )
    with container(client, images["app"].name, config["Cmd"]) as app:
        answer = json.loads(app.exec_run(["python", "-c", probe]).output)

    assert answer["pid"] == 1
    assert answer["process"].startswith("1-")
    assert (answer["loop"]["name"], answer["http"]["name"]) == ("uvloop", "httptools")


def test_every_module_is_compiled_already(client: docker.DockerClient, images: Mapping[str, ImageRecord]) -> None:
    """A start compiles nothing: what the app imports comes from bytecode that is in the image."""
    check = (
        "import sys, app.main, uvicorn, uvloop, httptools\n"
        "from pathlib import Path\n"
        "specs = [m.__spec__ for m in sys.modules.values() if getattr(m, '__spec__', None)]\n"
        "print([s.name for s in specs if s.cached and s.origin.endswith('.py') and not Path(s.cached).exists()])\n"
    )

    assert output(client, images["app"].name, ["python", "-c", check]).strip() == "[]"


def test_a_wrong_variable_ends_the_container_with_one_line(
    client: docker.DockerClient, images: Mapping[str, ImageRecord]
) -> None:
    """The container ends at once instead of restarting workers for ever, and its log says why."""
    command = ["uvicorn", "app.main:app", "--workers", "2", "--log-level", "critical"]
    with container(client, images["app"].name, command, environment={"BALLAST_MB": "much"}) as app:
        app.wait(timeout=60)
        lines = set(app.logs().decode().splitlines())

    assert len(lines) == 1
    assert "BALLAST_MB='much'" in lines.pop()


def test_nginx_runs_as_nobody_with_a_configuration_from_elsewhere(
    client: docker.DockerClient, images: Mapping[str, ImageRecord]
) -> None:
    """No root, read-only root, no complaint about the log it was compiled with."""
    folders = " ".join(
        f"{name}_temp_path /tmp/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings = f"pid /tmp/nginx.pid; error_log stderr; events {{}} http {{ access_log off; {folders} }}"
    shell = f"printf '%s' '{settings}' > /tmp/nginx.conf && nginx -t -c /tmp/nginx.conf"
    said = output(client, images["nginx"].name, ["-c", shell], entrypoint=["sh"], user=NOBODY)

    assert "test is successful" in said
    assert "alert" not in said


def test_an_image_says_which_wheels_it_takes(client: docker.DockerClient, images: Mapping[str, ImageRecord]) -> None:
    """Version, ABI and platforms come from the image's own pip."""
    target = ask_target(client, images["python"].name)
    version = target.environment["python_version"]

    assert target.abi == f"cp{version.replace('.', '')}"
    assert any("linux" in platform for platform in target.platforms)


def test_an_image_without_python_cannot_take_wheels(
    client: docker.DockerClient, images: Mapping[str, ImageRecord]
) -> None:
    """The reason is Docker's own, and nothing is left behind."""
    with pytest.raises(MissingError, match="wheels it takes: .*python3"):
        ask_target(client, images["nginx"].name)
    assert (
        client.containers.list(
            all=True, ignore_removed=True, filters={"label": ["lab.run=images", f"lab.owner={owner()}"]}
        )
        == []
    )


def test_the_app_of_an_image_tells_its_paths(client: docker.DockerClient, images: Mapping[str, ImageRecord]) -> None:
    """For `lab init`; it is said before the app is imported, and nothing is left behind."""
    said: list[str] = []
    look = look_at_finished(images["app"].name, Wanted(), said.append)

    assert look is not None
    assert look.ready_path == "/ready"
    assert {"/", "/cpu", "/whoami"} <= set(look.paths)
    assert len(said) == 1
    assert "app.main:app" in said[0]
    assert (
        client.containers.list(
            all=True, ignore_removed=True, filters={"label": ["lab.run=init", f"lab.owner={owner()}"]}
        )
        == []
    )


def test_a_file_of_an_image_is_read_without_starting_it(
    client: docker.DockerClient, images: Mapping[str, ImageRecord]
) -> None:
    """As `lab init --image` reads start scripts; what is not there, or is a folder, is None."""
    read = file_reader(client, images["app"].name, client.images.get(images["app"].name).attrs["Config"]["WorkingDir"])

    assert "fastapi" in (read("app/main.py") or "")
    assert read("/etc/passwd") is not None
    assert (read("absent.sh"), read("/etc")) == (None, None)
    assert (
        client.containers.list(
            all=True, ignore_removed=True, filters={"label": ["lab.run=init", f"lab.owner={owner()}"]}
        )
        == []
    )


def test_an_image_without_the_app_is_no_error(images: Mapping[str, ImageRecord]) -> None:
    """The reason is a note, and the person is asked."""
    said: list[str] = []
    look = look_at_finished(images["python"].name, Wanted(target="shop:api"), said.append)

    assert look is not None
    assert look.paths == ()
    assert "No module named 'shop'" in said[-1]


@pytest.mark.parametrize(
    "dockerfile", ["RUN echo some words && false", "RUN --mount=type=cache,target=/c echo words && false", "NONSENSE"]
)
def test_a_failing_build_shows_its_last_lines(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], tmp_path: Path, dockerfile: str
) -> None:
    """A sentence with the end of the build's output, exit code 4."""
    (tmp_path / "Dockerfile").write_text(f"FROM {images['python'].name}\n{dockerfile}\n")
    with pytest.raises(MissingError, match="could not be built") as error:
        prepare_images(client, scenario_of(ARM, app=App(build=tmp_path)), lambda step: None)

    assert dockerfile.split()[0] in str(error.value)


@pytest.mark.usefixtures("images")  # its base is made by one process alone
def test_a_dockerfile_of_today_is_built(client: docker.DockerClient, tmp_path: Path) -> None:
    """Mounts, modes, a stage that nobody needs and cannot be built, arguments, a reader that no registry has."""
    (tmp_path / "main.sh").write_text("#!/bin/sh\necho of today\n")
    (tmp_path / "Dockerfile").write_text(
        "# syntax=docker/dockerfile:1\nARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE} AS build\nARG WORD=none\n"
        "RUN --mount=type=cache,target=/cache --mount=type=bind,source=main.sh,target=/tmp/main.sh "
        "sh /tmp/main.sh > /said && echo $WORD >> /said\n"
        "FROM ${PYTHON_IMAGE} AS wanted\nCOPY --from=build /said /said\nCOPY --chmod=755 main.sh /\n"
        "FROM wanted AS broken\nRUN false\n"
    )
    app = App(build=tmp_path, target_stage="wanted", build_args={"WORD": "argument"})
    record = prepare_images(client, scenario_of(ARM, app=app), lambda step: None)["app"]
    try:
        assert record.origin is Way.BUILT
        assert output(client, record.name, ["sh", "-c", "/main.sh && cat /said"]).split() == [
            *("of", "today", "of", "today", "argument")
        ]
        assert client.images.get(record.name).labels["lab.image"] == "app"
    finally:
        remove_image(client, record.name)


@pytest.mark.alone
def test_costs_of_two_ways_to_build_are_measured(
    client: docker.DockerClient, images: Mapping[str, ImageRecord], tmp_path: Path
) -> None:
    """What is shared is the base; an edit replaces the app's layer alone; nothing of it stays."""
    base = images["python"].name
    (tmp_path / "main.py").write_text("import time\ntime.sleep(1)\napp = 1\n")
    for name, size in {"Dockerfile": 100_000, "Dockerfile.big": 300_000}.items():
        (tmp_path / name).write_text(
            f"FROM {base}\nRUN sleep 3 && head -c {size} /dev/urandom > /own\nWORKDIR /\nCOPY main.py /\n"
        )
    apps = [App(build=tmp_path, dockerfile=name, target="main:app") for name in ("Dockerfile", "Dockerfile.big")]
    small, big = measure_images(client, apps, 1, print)

    assert small.cold_s[0] > 3 > small.warm_s[0]
    assert 0.9 < small.import_s[0] < 2
    assert 100_000 < small.unique_bytes < 200_000 < 300_000 < big.unique_bytes < 400_000
    assert small.shared_bytes == big.shared_bytes > 10**7
    assert 0 < small.edit_bytes < 50_000
    left = [tag for image in client.api.images() for tag in image["RepoTags"] or ()]
    assert [tag for tag in left if f"/measured-{os.getpid()}:" in tag] == []


def test_the_uv_image_holds_what_the_other_one_holds(
    client: docker.DockerClient, images: Mapping[str, ImageRecord]
) -> None:
    """The same versions, byte-compiled, built without network and without uv itself."""
    app = app_of_repository(
        dockerfile="Dockerfile.uv", requirements=REPOSITORY / "requirements" / "app-uv.txt", build_args={}
    )
    record = prepare_images(client, scenario_of(ARM, app=app), print)["app"]
    look = "import glob, fastapi, app.main; print(len(glob.glob('/venv/**/fastapi/__pycache__/*.pyc', recursive=True)))"

    assert "without network" in record.detail or record.origin is Way.PRESENT
    assert image_versions(client, record.id, RUN_ID) == image_versions(client, images["app"].id, RUN_ID)
    assert int(output(client, record.name, ["python", "-c", look])) > 10
    assert output(client, record.name, ["sh", "-c", "command -v uv || echo none"]).strip() == "none"


def test_a_name_that_is_none_is_a_sentence(client: docker.DockerClient) -> None:
    """Docker's refusal of a malformed name does not become a traceback."""
    with pytest.raises(MissingError, match="UPPER"):
        prepare_images(client, scenario_of(ARM, app=App(image="UPPER/Case: x")), lambda step: None)

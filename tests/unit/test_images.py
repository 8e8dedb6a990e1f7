"""Which way images go, what a build consists of, and which wheels fit: the decisions, without Docker."""

from __future__ import annotations

import io
import re
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from lab.engines.images import images, prepare
from lab.engines.images.build import Recipe, builder_of, check_builder
from lab.engines.images.context import WRITTEN, Context, content_hash, read_context, write_context
from lab.engines.images.dockerfile import read_dockerfile
from lab.engines.images.images import Way, ask_registry, plan_base, plan_image, prepare_base, registry_words
from lab.engines.images.offline import wheelhouse
from lab.engines.images.offline.bases import build_base, mmdebstrap_argv, stand_in
from lab.engines.images.offline.wheelhouse import Target, applicable, are_pinned, download_argv, requirements_text
from lab.engines.images.prepare import prepare_images
from lab.errors import MissingError, ScenarioError
from lab.plan.fronts.nginx import IMAGE as NGINX
from lab.scenario.budget import Budget
from lab.scenario.databases import source_of
from lab.scenario.images import PYTHON
from lab.scenario.model import App, Arm, Load, Scenario
from tests.fake_images import FakeDocker

OFFICIAL = PYTHON.reference


@pytest.fixture(autouse=True)
def _mmdebstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "can_build", lambda: True)


def scenario(app: App, front: str = "direct") -> Scenario:
    return Scenario(
        question="Which way?",
        app=app,
        arms=(Arm(name="workers", model="workers", front=front),),
        budget=Budget(processes=1),
        load=Load(locustfile=Path("locustfile.py")),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small project with a Dockerfile, a secret that is ignored, and leftovers of an earlier wheelhouse."""
    (tmp_path / "Dockerfile").write_text("ARG PYTHON_IMAGE=python:3\nFROM ${PYTHON_IMAGE}\nCOPY . .\n")
    (tmp_path / ".dockerignore").write_text("# comment\nsecret\n")
    (tmp_path / "secret").write_text("x")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("app = 1\n")
    (tmp_path / ".wheelhouse").mkdir()
    (tmp_path / ".wheelhouse" / "old.whl").write_text("old")
    return tmp_path


def test_a_second_name_of_a_file_has_its_content(folder: Path) -> None:
    """Hard links, as pnpm and uv make them: both are files of their own in the image."""
    (folder / "app" / "other.py").hardlink_to(folder / "app" / "main.py")
    (folder / "new").mkdir()
    (folder / "new" / "a.whl").write_text("wheel")
    (folder / "new" / "b.whl").hardlink_to(folder / "new" / "a.whl")
    archive = io.BytesIO()

    write_context(read_context(App(build=folder)), folder / "new", archive)

    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        found = {info.name: tar.extractfile(info).read() for info in tar if info.isreg()}  # type: ignore[union-attr]
    assert found["app/main.py"] == found["app/other.py"] == b"app = 1\n"
    assert found[".wheelhouse/a.whl"] == found[".wheelhouse/b.whl"] == b"wheel"


@pytest.mark.parametrize(
    ("docker", "way", "name"),
    [
        (FakeDocker(present={OFFICIAL}), Way.PRESENT, OFFICIAL),
        (FakeDocker(present={OFFICIAL, stand_in(PYTHON)}), Way.PRESENT, OFFICIAL),
        (FakeDocker(present={stand_in(PYTHON)}, registry={OFFICIAL}), Way.PRESENT, stand_in(PYTHON)),
        (FakeDocker(registry={OFFICIAL}), Way.PULLED, OFFICIAL),
        (FakeDocker(), Way.BUILT, stand_in(PYTHON)),
        (FakeDocker(silent=True), Way.BUILT, stand_in(PYTHON)),
    ],
)
def test_bases_are_present_then_pulled_then_built(docker: FakeDocker, way: Way, name: str) -> None:
    """The first way that is open is taken, and an earlier stand-in is kept."""
    plan = plan_base(docker, PYTHON, OFFICIAL, timeout_s=3)

    assert (plan.way, plan.name) == (way, name)


def test_a_base_that_debian_cannot_stand_in_for_is_missing() -> None:
    """Python 3.13 is no replacement for the Python 3.12 that somebody asked for."""
    assert plan_base(FakeDocker(), PYTHON, "python:3.12-slim", timeout_s=3).way is Way.MISSING


def test_a_database_in_another_version_is_missing() -> None:
    """What stands in for it would be another database: the sentence says which one can be built."""
    with pytest.raises(MissingError, match="image redis:7 is not on this machine") as caught:
        prepare_base(FakeDocker(), source_of("redis:7"), "redis:7", lambda step: None)

    assert "`docker load`" in caught.value.hint
    assert "name redis:8, which can be built here" in caught.value.hint


def test_a_database_in_any_version_says_which_one_it_is() -> None:
    """In run.json, and in the report."""
    plan = plan_base(FakeDocker(), source_of("redis:alpine"), "redis:alpine", timeout_s=3)

    assert plan.way is Way.BUILT
    assert plan.detail.startswith("from Debian packages of redis 8, stands in for redis:alpine: ")


def test_without_mmdebstrap_a_base_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is promised that could not be done."""
    monkeypatch.setattr(images, "can_build", lambda: False)

    assert plan_base(FakeDocker(), PYTHON, OFFICIAL, timeout_s=3).way is Way.MISSING


def test_a_registry_is_asked_with_a_time_limit_of_its_own() -> None:
    """A silent registry costs at most the limit, and the client's usual limit is restored."""
    docker = FakeDocker(silent=True)

    assert ask_registry(docker, "x:1", 3) == "no registry answered within 3 s (ReadTimeout)"
    assert docker.asked == [("x:1", 3)]
    assert docker.timeout == 60.0


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ('Get "https://r.example/v2/": dial tcp: lookup r.example: no such host', "no registry can be reached"),
        ("pull access denied for shop, repository does not exist or may require 'docker login'", "or wants a login"),
        ("manifest for shop:1 not found: manifest unknown: manifest unknown", "no such image"),
        ("toomanyrequests: You have reached your pull rate limit", "too many today"),
        ("x509: certificate signed by unknown authority", "not trusted"),
    ],
)
def test_what_an_engine_says_of_a_registry_stands_behind_what_it_means(said: str, means: str) -> None:
    """Its own words stay, in brackets; those that nobody knows stand alone."""
    before, _, behind = registry_words(said).partition(f" ({said})")
    assert means in before
    assert behind == ""
    assert registry_words("broken pipe") == "broken pipe"


def test_a_registry_that_answers_but_does_not_deliver_leads_to_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason for the stand-in is recorded."""
    docker = FakeDocker(undelivered={NGINX.reference}, present={"my:1"})
    monkeypatch.setattr(images, "build_base", lambda client, base, on_step: client.present.add(stand_in(base)))
    record = prepare_images(docker, scenario(App(image="my:1"), front="nginx"), lambda step: None)["nginx"]

    assert (record.origin, record.name) == (Way.BUILT, stand_in(NGINX))
    assert "cannot be pulled" in record.detail


def test_the_users_own_image_is_present_or_pulled() -> None:
    """An image by name is never built; its record says where it came from."""
    docker, steps = FakeDocker(registry={"my:1"}), list[str]()
    record = prepare_images(docker, scenario(App(image="my:1")), steps.append)["app"]

    assert record.describe() == {
        "name": "my:1",
        "id": "sha256:my:1",
        "digest": "sha256:my:1",
        "origin": "pulled",
        "detail": "the registry has it",
        "reference": "",
    }
    assert steps == ["pulling my:1"]
    assert plan_image(docker, "my:1", 3).way is Way.PRESENT


def test_an_image_that_cannot_be_had_is_a_sentence_with_exit_code_4() -> None:
    """Name, reason and advice, on one line each."""
    with pytest.raises(MissingError, match="image my:1 .*no such") as error:
        prepare_images(FakeDocker(), scenario(App(image="my:1")), lambda step: None)

    assert error.value.exit_code == 4
    assert "docker load" in error.value.hint


def test_what_the_lab_wrote_is_no_part_of_the_app(folder: Path) -> None:
    """Else `COPY . .` makes another image in every run, and no run could be continued."""
    before = content_hash(read_context(App(build=folder)), ())
    for name, text in {
        "runs/one/run.json": "{}",
        "runs/one/trials/b01/record.json": "{}",
        "lab-scenario/scenario.toml": f"{WRITTEN}: change whatever you like\n",
        "lab-scenario/locustfile.py": "",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    assert content_hash(read_context(App(build=folder)), ()) == before
    for name in ("app/run.json", "app/scenario.toml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("theirs")
    assert {"app/run.json", "app/scenario.toml"} < set(read_context(App(build=folder)).paths)


def test_the_context_obeys_dockerignore_and_holds_our_wheels_only(folder: Path, tmp_path: Path) -> None:
    """Ignored files stay out, wheels come in whatever is ignored, owners and umask of the checkout do not."""
    wheels = tmp_path / "elsewhere"
    wheels.mkdir()
    (wheels / "new.whl").write_text("new")
    (folder / "app" / "main.py").chmod(0o600)
    archive = io.BytesIO()
    context = read_context(App(build=folder))
    write_context(Context(root=context.root, dockerfile="Dockerfile", paths=context.paths), wheels, archive)
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        members = {member.name: member for member in tar.getmembers()}

    assert {"Dockerfile", "app/main.py", ".wheelhouse/new.whl"} <= members.keys()
    assert not {"secret", ".wheelhouse/old.whl"} & members.keys()
    assert (members["app/main.py"].mode, members["app/main.py"].uid) == (0o644, 0)


def test_the_content_hash_follows_what_reaches_the_image(folder: Path) -> None:
    """Names, contents, executable bits and base change it; umask, times and ignored files do not."""
    app = App(build=folder)
    source, secret = folder / "app" / "main.py", folder / "secret"
    before = content_hash(read_context(app), ["base"])

    source.chmod(0o600)
    secret.write_text("other")
    source.touch()
    assert content_hash(read_context(app), ["base"]) == before
    assert content_hash(read_context(app), ["other base"]) != before

    source.chmod(0o755)
    executable = content_hash(read_context(app), ["base"])
    source.write_text("app = 2\n")
    edited = content_hash(read_context(app), ["base"])
    (folder / "app" / "new.py").touch()
    assert len({before, executable, edited, content_hash(read_context(app), ["base"])}) == 4


def test_the_archive_of_a_build_begins_with_the_dockerfile(folder: Path) -> None:
    """In a format whose first block is its header: by it BuildKit tells an archive from a Dockerfile."""
    archive = io.BytesIO()
    (folder / ".a").write_text("before it in the alphabet")
    (folder / "Dockerfile").write_bytes(b"# syntax=x:1\nFROM scratch\nLABEL a=\xe9\n")
    write_context(read_context(App(build=folder)), None, archive, syntax=False)

    assert archive.getvalue().startswith(b"Dockerfile\0")
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        member = tar.extractfile("Dockerfile")
        assert member is not None
        assert member.read() == b"# without syntax=x:1\nFROM scratch\nLABEL a=\xe9\n"
        assert tar.getnames().count("Dockerfile") == 1


def test_a_dockerfile_may_have_an_ignore_file_of_its_own(folder: Path) -> None:
    """BuildKit takes it instead of the other one."""
    (folder / "Dockerfile.dockerignore").write_text("app\n")
    assert {"secret", "app/main.py"} & set(read_context(App(build=folder)).paths) == {"secret"}


def _engine(api: str, version: str = "28.2.2") -> Any:
    return SimpleNamespace(api=SimpleNamespace(api_version=api), version=lambda: {"Version": version})


MOUNTS, HEREDOC = "FROM x\nRUN --mount=type=cache,target=/c true\n", "FROM x\nRUN <<END\ntrue\nEND\n"


@pytest.mark.parametrize(
    ("engine", "text", "syntax"),
    [
        (_engine("1.38"), "FROM x\nRUN true\n", False),
        (_engine("1.41", "20.10.24+dfsg1"), MOUNTS, False),
        (_engine("1.41", "20.10.24+dfsg1"), HEREDOC, True),
        (_engine("1.50"), HEREDOC, False),
        (_engine("1.50", "dev"), HEREDOC, False),
    ],
)
def test_what_the_engine_can_read_is_built(engine: Any, text: str, syntax: bool) -> None:
    """By itself, or with the image that the Dockerfile names."""
    check_builder(engine, read_dockerfile(text), Recipe(arguments={}, syntax=syntax), Path("shop"))
    assert builder_of(engine) == ("1" if engine.api.api_version == "1.38" else "2")


@pytest.mark.parametrize(
    ("engine", "text", "sentence"),
    [
        (_engine("1.38"), MOUNTS, "in shop needs BuildKit (RUN --mount), which this engine does not have"),
        (_engine("1.41", "20.10.24"), HEREDOC, "has RUN <<EOF, which engine 20.10.24 does not read by itself"),
    ],
)
def test_what_the_engine_cannot_read_is_said_before_the_build(engine: Any, text: str, sentence: str) -> None:
    """With the way out: an image that was built elsewhere."""
    with pytest.raises(MissingError, match=re.escape(sentence)) as caught:
        check_builder(engine, read_dockerfile(text), Recipe(arguments={}, syntax=False), Path("shop"))
    assert "image = NAME" in caught.value.hint


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"build_args": {"DB_PASSWORD": "hunter22"}}, "DB_PASSWORD looks like a secret"),
        ({"build_args": {"PYTHON_IMAGE": "x:1"}}, "is filled in by the lab"),
        ({"build_args": {"a b": "1"}}, "pattern"),
        ({"target_stage": "no spaces"}, "pattern"),
        ({"build": None, "image": "x:1", "target_stage": "a"}, 'they need "build"'),
    ],
)
def test_arguments_of_a_build_are_checked(folder: Path, more: dict[str, Any], sentence: str) -> None:
    """What is wrong in them is said before anything is built."""
    with pytest.raises(ValidationError, match=sentence):
        App(**{"build": folder, **more})


@pytest.mark.parametrize(
    ("wheels", "more", "base", "offline"),
    [
        (True, {}, "python:3.13-slim", True),
        (True, {"build_args": {"DEBIAN_PACKAGES": "x"}}, "python:3.13-slim", False),
        (True, {"build_args": {"DEBIAN_PACKAGES": "x"}}, "process-model-lab/python:debian-trixie-1", True),
        (False, {}, "python:3.13-slim", False),
    ],
)
def test_a_build_with_wheels_has_no_network(
    folder: Path, wheels: bool, more: dict[str, Any], base: str, offline: bool
) -> None:
    """But where arguments ask for more than a base from a registry may have; a stand-in has it."""
    assert (
        prepare.offline(App(build=folder, requirements=folder / "x.txt" if wheels else None, **more), base) is offline
    )


def test_a_dockerfile_without_the_stage_is_refused_before_anything_is_built(folder: Path) -> None:
    """No engine is asked for that."""
    with pytest.raises(ScenarioError, match="no stage 'x'"):
        prepare_images(FakeDocker(), scenario(App(build=folder, target_stage="x")), lambda step: None)


def test_an_image_that_a_dockerfile_builds_on_must_be_had(folder: Path) -> None:
    """The sentence names image and file; nothing is sent to the builder."""
    (folder / "Dockerfile").write_text("FROM python:3.99\nRUN true\n")
    with pytest.raises(
        MissingError, match=r"image python:3\.99, which .*Dockerfile builds on, is not on this machine"
    ) as caught:
        prepare_images(FakeDocker(), scenario(App(build=folder)), lambda step: None)
    assert "write `ARG PYTHON_IMAGE=python:3.99` and then `FROM ${PYTHON_IMAGE}`" in caught.value.hint


def test_only_a_dockerfile_that_takes_a_base_gets_one(folder: Path) -> None:
    """A Dockerfile with its own FROM is left alone."""
    assert read_context(App(build=folder)).takes_base
    (folder / "Dockerfile").write_text("FROM scratch\n# ARG PYTHON_IMAGE\n")
    assert not read_context(App(build=folder)).takes_base


@pytest.mark.parametrize("name", ["../elsewhere/Dockerfile", "lab-scenario/Dockerfile"])
def test_a_dockerfile_may_be_none_of_the_files(folder: Path, name: str) -> None:
    """Outside of the folder, or among what the lab wrote: it is sent, and its text makes another image."""
    build = folder / "app"
    file = build / name
    file.parent.resolve().mkdir()
    (file.parent / "scenario.toml").write_text(WRITTEN)
    file.write_text("FROM scratch\n")
    (file.parent / "Dockerfile.dockerignore").write_text("main.py\n")
    (build / "other.py").touch()
    app = App(build=build, dockerfile=name)
    context, archive = read_context(app), io.BytesIO()
    write_context(context, None, archive)
    before = content_hash(context, ())
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        member = tar.extractfile(context.dockerfile)
        assert member is not None
        assert member.read() == b"FROM scratch\n"
        assert set(tar.getnames()) == {context.dockerfile, "other.py"}

    assert context.command == f"docker build --file {file.resolve()} {build}"
    file.write_text("FROM scratch\nUSER 1\n")
    assert content_hash(read_context(app), ()) != before


def test_markers_are_judged_by_the_image_not_by_this_python() -> None:
    """Lines that do not hold in the image are dropped, the others lose their marker and keep their hashes."""
    text = (
        "# comment\n"
        'a==1 ; python_version >= "3.99" \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via b\n'
        'b==2 ; sys_platform == "win32" \\\n    --hash=sha256:cc\n'
        "c[extra]==3 \\\n    --hash=sha256:dd\n"
        "--only-binary :all:\n"
    )
    kept = applicable(text, {"python_version": "3.99", "sys_platform": "linux"})

    assert [" ".join(line.split()) for line in kept.splitlines()] == [
        "a==1 --hash=sha256:aa --hash=sha256:bb",
        "c[extra]==3 --hash=sha256:dd",
        "--only-binary :all:",
    ]


def test_a_line_that_is_no_requirement_is_named() -> None:
    """The person learns which line and what kind of file is expected."""
    with pytest.raises(MissingError, match="'not a pin'"):
        applicable("not a pin\n", {})


def test_wheels_are_chosen_for_the_image() -> None:
    """pip is told the image's version, ABI and platforms, and may neither build nor skip a hash."""
    target = Target(implementation="cp", abi="cp313", platforms=("p1", "p2"), environment={"python_version": "3.13"})
    argv = download_argv(["pip"], target, Path("r.txt"), Path("wheels"))

    assert argv[:2] == ["pip", "download"]
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(argv)
    assert [argv[i + 1] for i, part in enumerate(argv) if part == "--platform"] == ["p1", "p2"]
    assert argv[argv.index("--python-version") + 1] == "3.13"
    loose = download_argv(["pip"], target, Path("r.txt"), Path("wheels"), pinned=False)
    assert not {"--require-hashes", "--no-deps"} & set(loose)


@pytest.mark.parametrize(("line", "told"), [("a>=1\n", True), ("a==1 --hash=sha256:aa\n", False)])
def test_whose_python_decides_is_said_where_versions_are_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch, line: str, told: bool
) -> None:
    """A package that only the image's Python needs was not fetched: both the download and the build may fail so."""
    (folder / "r.txt").write_text(line)
    app = App(build=folder, requirements=folder / "r.txt")
    target = Target(implementation="cp", abi="cp313", platforms=("p",), environment={"python_version": "3.13"})
    monkeypatch.setattr(wheelhouse, "ask_target", lambda *_: target)
    monkeypatch.setattr(wheelhouse, "cache_folder", lambda name: folder / "cache" / name)
    monkeypatch.setattr(wheelhouse, "failure_of", lambda *_: "no")
    engine: Any = FakeDocker(present={OFFICIAL})
    with pytest.raises(MissingError, match="could not be downloaded") as caught:
        prepare_images(engine, scenario(app), lambda _: None)
    assert ("decides by this machine's Python" in caught.value.hint) is told

    def build(*_: object, **__: object) -> None:
        raise MissingError("no b", "see")

    monkeypatch.setattr(wheelhouse, "failure_of", lambda *_: "")
    monkeypatch.setattr(prepare, "build_image", build)
    with pytest.raises(MissingError, match="no b") as caught:
        prepare_images(engine, scenario(app), lambda _: None)
    assert caught.value.hint.startswith("see")
    assert ("decides by this machine's Python" in caught.value.hint) is told


def test_own_lines_hold_or_not_by_the_image_also_without_hashes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip download would judge their markers by the machine's Python."""
    (folder / "r.txt").write_text("a>=1; python_version >= '3.99'\nb[x]>=2; python_version < '3.99'\n")
    target = Target(implementation="cp", abi="cp399", platforms=("p",), environment={"python_version": "3.99"})
    wanted: list[str] = []

    def pip(argv: list[str], _: float) -> str:
        wanted.append(Path(argv[-1]).read_text())
        return ""

    monkeypatch.setattr(wheelhouse, "ask_target", lambda *_: target)
    monkeypatch.setattr(wheelhouse, "cache_folder", lambda name: folder / "cache" / name)
    monkeypatch.setattr(wheelhouse, "failure_of", pip)
    engine: Any = FakeDocker()
    wheelhouse.fill_wheelhouse(engine, "python", folder / "r.txt", lambda _: None)
    assert wanted == ["a>=1\n"]


def test_hashes_tell_whether_requirements_are_complete(folder: Path) -> None:
    """Without them pip looks for versions, and for what the packages need."""
    assert are_pinned("a==1 --hash=sha256:aa\n")
    assert not are_pinned("a==1\nb>=2\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[project", "is no valid TOML"),
        ("[tool.poetry.dependencies]\nfastapi = '*'", r"no dependencies in \[project\]"),
        ("project = 1", r"no dependencies in \[project\]"),
    ],
)
def test_a_pyproject_is_read_as_requirements(folder: Path, text: str, sentence: str) -> None:
    """Its dependencies, one a line; where it has none, the sentence names what writes them."""
    file = folder / "pyproject.toml"
    file.write_text('[project]\nname = "x"\ndependencies = ["fastapi[standard]>=0.1", "a; python_version > \'3\'"]\n')
    assert requirements_text(file) == "fastapi[standard]>=0.1\na; python_version > '3'\n"
    file.write_text(text)
    with pytest.raises(MissingError, match=sentence):
        requirements_text(file)


def test_requirements_in_another_encoding_are_a_sentence(folder: Path) -> None:
    """As some shells write them."""
    (folder / "requirements.txt").write_text("fastapi\n", encoding="utf-16")
    with pytest.raises(MissingError, match="no text in UTF-8"):
        requirements_text(folder / "requirements.txt")


@pytest.mark.parametrize("base", [PYTHON, NGINX])
def test_bases_are_made_of_packages_and_written_to_standard_output(base: type) -> None:
    """No mirror is named, so mmdebstrap takes the host's; nothing is written but the archive."""
    argv = mmdebstrap_argv(base)  # type: ignore[arg-type]  # parametrize knows no types

    assert argv[-2:] == ["trixie", "-"]
    assert not [part for part in argv if "://" in part]


def test_a_failing_mmdebstrap_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message ends with the tool's last lines, and Docker is given nothing."""
    tool = tmp_path / "mmdebstrap"
    tool.write_text("#!/bin/sh\nfor line in 1 2 3 4 5 6; do echo E: reason $line >&2; done\nexit 25\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(MissingError, match="E: reason 2\n.*\n.*\n.*\nE: reason 6") as error:
        build_base(None, NGINX, lambda step: None)

    assert "reason 1" not in str(error.value)
    assert NGINX.reference in error.value.hint


def test_without_mmdebstrap_the_error_says_how_to_get_the_base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exit code 4, and the two ways out: bring the image, or install the tool."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="mmdebstrap") as error:
        build_base(None, PYTHON, lambda step: None)

    assert f"docker pull {PYTHON.reference}" in error.value.hint


def test_another_recipe_is_another_image() -> None:
    """A machine that built the stand-in before a package was added to it builds it anew."""
    more = replace(PYTHON, packages=(*PYTHON.packages, "tzdata"))

    assert stand_in(PYTHON).startswith("process-model-lab/python:debian-")
    assert len({stand_in(base) for base in (PYTHON, more, replace(PYTHON, changes=()), replace(PYTHON, hooks=()))}) == 4

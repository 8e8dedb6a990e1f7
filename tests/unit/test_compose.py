"""What a scenario takes from a compose file, what it leaves and why; read by Compose itself where it is installed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.errors import UsageError
from lab.scenario.beside import OTHER_USER
from lab.starter.compose.reading import Project, ask_compose, read_compose
from lab.starter.compose.scenario import Taken, take_over
from lab.starter.compose.services import Service, service_of
from lab.starter.compose.variables import fill, names_in
from lab.starter.guesses import Wanted, look_at

FILE = """
x-env: &env
  REGION: eu
  DATABASE_URL: postgresql://shop:${DB_PASSWORD:-only-here}@db:5432/shop
services:
  app:
    extends: {service: common}
    ports: ["127.0.0.1:8080:80"]
    env_file: [app.env]
    environment:
      <<: *env
      STAGE: ${STAGE:-test}
      PRICE: "$$5"
      FLAG: true
      API_KEY: ${SHOP_KEY}
      PASSED_ON:
    depends_on:
      db: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
    healthcheck: {test: "curl -f http://localhost/up"}
    restart: always
  common:
    build: {context: ., dockerfile: web.Dockerfile, target: production, args: [EXTRAS=all]}
    user: "1000"
    cap_add: [NET_BIND_SERVICE]
    tmpfs: /run
    volumes: ["./src:/code", "media:/media", "/cache", "/tmp"]
    profiles: [never]
  worker:
    build: .
    command: celery worker
    depends_on: [cache]
  migrate:
    build: {context: ., dockerfile: web.Dockerfile, target: production, args: {EXTRAS: all}}
    command: alembic upgrade head
    environment: {<<: *env, ONLY: job}
    depends_on: {db: {condition: service_healthy}}
  db:
    image: postgres:17
    environment: {POSTGRES_PASSWORD: only-here}
    healthcheck: {test: [CMD-SHELL, "pg_isready -U $$USER"]}
    volumes: ["./init.sql:/docker-entrypoint-initdb.d/init.sql:ro"]
  cache:
    image: registry.example/library/redis:8
    profiles: [all]
volumes: {media: {}}
"""


def project(
    folder: Path, text: str = FILE, *, ask: Callable[[Path], str | None] | None = None, **environ: str
) -> Project:
    """The compose file in this folder, with an environment; read without Compose unless ``ask`` says so."""
    (folder / "compose.yaml").write_text(text)
    (folder / "app.env").write_text("FROM_FILE='a b' # comment\nTOKEN=hidden-one\nBOTH=${FROM_FILE}!\n")
    (folder / ".env").write_text("SHOP_KEY=hidden-two\nSTAGE=dotenv\n")
    return read_compose(folder / "compose.yaml", environ, ask or (lambda _: None))


def taken(folder: Path, text: str, **more: Any) -> Taken:
    """What is taken over from such a file."""
    return take_over(project(folder, text), **more)


def by_compose(words: tuple[str, ...]) -> Any:
    """A parameter that runs where this Compose is installed."""
    missing = shutil.which(words[0]) is None
    return pytest.param(ask_compose, marks=pytest.mark.skipif(missing, reason="no Compose is installed"))


@pytest.mark.parametrize("ask", [None, by_compose(("docker-compose",))])
def test_a_whole_file_is_taken_over(tmp_path: Path, ask: Callable[[Path], str | None] | None) -> None:
    """The same with and without Compose: conditions, profiles, anchors, what is extended, one-shot services."""
    found = take_over(project(tmp_path, ask=ask, PASSED_ON="here"), "app")
    assert (found.folder, found.image) == (tmp_path, "")
    assert (found.wanted.port, found.wanted.dockerfile, found.wanted.stage) == (80, "web.Dockerfile", "production")
    assert (found.wanted.build_args, found.wanted.healthcheck) == (
        {"EXTRAS": "all"},
        ("CMD-SHELL", "curl -f http://localhost/up"),
    )
    assert found.app["env"] == {
        "FROM_FILE": "a b",
        "TOKEN": {"from": "TOKEN"},
        "BOTH": "a b!",
        "REGION": "eu",
        "DATABASE_URL": "postgresql://shop:only-here@db:5432/shop",
        "STAGE": "dotenv",
        "PRICE": "$5",
        "FLAG": "true",
        "API_KEY": {"from": "SHOP_KEY"},
        "PASSED_ON": {"from": "PASSED_ON"},
    }
    assert {key: found.app[key] for key in ("port", "user", "capabilities", "read_only")} == {
        "port": 80,
        "user": "1000",
        "capabilities": ["NET_BIND_SERVICE"],
        "read_only": False,
    }
    assert sorted(found.app["volumes"]) == ["/cache", "/media", "/run"]
    assert found.sidecars == (
        {
            "name": "db",
            "image": "postgres:17",
            "env": {"POSTGRES_PASSWORD": "only-here"},
            "ready": "exec:sh -c 'pg_isready -U $USER'",
        },
    )
    assert found.jobs == (
        {"name": "migrate", "command": "alembic upgrade head", "times": "once", "env": {"ONLY": "job"}},
    )
    left = "\n".join(found.left)
    for reason in (
        "services.app.volumes: ./src at /code: a folder of this machine",
        "services.app.volumes: what media holds: /media is taken over, but it is empty",
        "services.app.restart: a death is to end the trial",
        "services.db.volumes: ./init.sql at /docker-entrypoint-initdb.d/init.sql: a folder of this machine",
        "services.worker: nothing that the app depends on or names: left out",
    ):
        assert reason in left
    assert set(found.needs) == {
        "TOKEN, in app.env: `set -a; . ./app.env; set +a`",
        "SHOP_KEY, in the environment or in .env",
        "PASSED_ON, in the environment or in .env",
    }
    assert "hidden" not in repr(found)


def test_a_secret_that_is_part_of_a_value_is_asked_for_as_a_whole(tmp_path: Path) -> None:
    """The scenario never holds what stands outside the compose file."""
    found = take_over(project(tmp_path, DB_PASSWORD="hidden-three"), "app")
    assert found.app["env"]["DATABASE_URL"] == {"from": "DATABASE_URL"}
    assert "DATABASE_URL, made of DB_PASSWORD in the compose file" in found.needs
    assert "hidden" not in repr(found)


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        ("command: redis-server --requirepass ${SHOP_KEY}", "command"),
        ("entrypoint: [sh, -c, 'run $SHOP_KEY']", "entrypoint"),
        ("healthcheck: {test: [CMD, redis-cli, -a, '${SHOP_KEY}', ping]}", "healthcheck"),
        ("command: run --api-token ${STAGE}", "command"),
        ("command: run redis://:${STAGE}@cache/0", "command"),
        ("build: 'https://${SHOP_KEY}@example.org/x.git'", "build"),
        ("build: {context: ., args: {TOKEN: '${STAGE}', OTHER: '${SHOP_KEY:-x}', PLAIN: y}}", "build.args.TOKEN"),
        ("environment: {ARGS: '--requirepass ${SHOP_KEY}'}", ""),
    ],
)
def test_a_secret_from_outside_is_written_nowhere(tmp_path: Path, keys: str, left: str) -> None:
    """Neither as the value of a variable nor in a text that is run: the person is told where it belongs."""
    made = project(tmp_path, f"services:\n  app:\n    {keys}\n", STAGE="hidden-four")
    service = service_of(made, "app")
    assert "hidden" not in repr(service)
    assert [key for key, _ in service.left][: bool(left)] == ([left] if left else [])
    assert all("${" in reason for _, reason in service.left)
    assert left or service.env == {"ARGS": {"from": "ARGS"}}


def test_a_secret_in_a_file_is_asked_for_by_its_variable(tmp_path: Path) -> None:
    """No file of this machine is mounted; the images of databases take the text as well, and it is said for the app."""
    text = """
services:
  app: {build: ., depends_on: [db], secrets: [pw], environment: {DB_PASSWORD_FILE: /run/secrets/pw, LOG_FILE: /tmp/x}}
  db: {image: postgres, secrets: [pw], environment: [POSTGRES_PASSWORD_FILE=/run/secrets/pw]}
secrets: {pw: {file: ./pw.txt}}
"""
    found = taken(tmp_path, text)

    assert found.app["env"] == {"DB_PASSWORD": {"from": "DB_PASSWORD"}, "LOG_FILE": "/tmp/x"}
    assert found.sidecars[0]["env"] == {"POSTGRES_PASSWORD": {"from": "POSTGRES_PASSWORD"}}
    assert [line.partition(":")[0] for line in found.left] == [
        *("services.app.environment.DB_PASSWORD_FILE", "services.app.secrets"),
        *("services.db.environment.POSTGRES_PASSWORD_FILE", "services.db.secrets"),
    ]
    assert "DB_PASSWORD, what the secret pw holds" in found.needs


def test_a_variable_made_of_a_secret_of_an_env_file_is_one(tmp_path: Path) -> None:
    """Also by way of another that has an ordinary name."""
    made = project(tmp_path, "services: {app: {image: x, env_file: made.env}}")
    (tmp_path / "made.env").write_text("A=-a ${SHOP_KEY}\nB=run ${A}\nC=plain\n")
    assert service_of(made, "app").env == {"A": {"from": "A"}, "B": {"from": "B"}, "C": "plain"}


@pytest.mark.parametrize(
    ("timings", "expected"),
    [
        ("start_period: 1m30s, interval: 5s, retries: 10", 140.0),
        ("interval: 500ms, retries: 200", 100.0),
        ("start_period: 10s", 100.0),
        ("interval: 5s, retries: 5", None),
        ("timeout: 3s", None),
    ],
)
def test_the_lab_waits_as_long_as_a_health_check_does(tmp_path: Path, timings: str, expected: float | None) -> None:
    """For the app and for what is beside it; never shorter than it waits anyway."""
    check = f"{{test: [CMD, up], {timings}}}"
    text = f"""
services:
  app: {{build: ., depends_on: [db], healthcheck: {check}}}
  db: {{image: "db:1", healthcheck: {check}}}
"""
    found = taken(tmp_path, text)
    assert found.app.get("ready_timeout") == expected
    assert found.sidecars[0].get("ready_timeout") == expected


def test_an_include_that_nobody_has_followed_is_left(tmp_path: Path) -> None:
    """Compose follows it; without Compose the person is told what to do."""
    found = taken(tmp_path, "include: [other.yaml]\nservices: {app: {build: ., working_dir: /x}}")
    assert found.left[0].startswith("include: only Compose itself follows it")
    assert "services.app.working_dir: say it in the image (WORKDIR)" in found.left


def test_a_command_whose_value_stands_in_the_file_is_taken(tmp_path: Path) -> None:
    """What the file itself shows is no secret of this machine."""
    service = service_of(project(tmp_path, "services: {a: {image: x, command: 'r --pass ${PASSWORD:-here}'}}"), "a")
    assert (service.command, service.left) == (("r", "--pass", "here"), ())


@pytest.mark.parametrize(
    ("services", "name", "expected"),
    [
        ("{a: {build: .}, b: {image: x}}", "", "a"),
        ("{a: {build: ., ports: ['80']}, b: {build: .}}", "", "a"),
        ("{a: {build: ., profiles: [p]}, b: {build: .}}", "", "b"),
        ("{a: {build: .}, b: {build: ., depends_on: {a: {condition: service_completed_successfully}}}}", "", "b"),
        ("{a: {build: .}, b: {image: x}}", "b", "b"),
        ("{a: {image: x, ports: ['80'], depends_on: [b]}, b: {image: redis}, c: {image: y}}", "", "a"),
    ],
)
def test_the_service_is_the_one_that_can_be_meant(tmp_path: Path, services: str, name: str, expected: str) -> None:
    """What is built, is served to others, and no one waits for its end."""
    assert taken(tmp_path, f"services: {services}", name=name).name == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("services: {a: {build: .}, b: {build: .}}", "--service is missing: a, b may be meant"),
        ("services: {app: {build: .}}", "there is no service 'apps' in it: did you mean 'app'"),
        ("services: []", "has no services"),
        ("just words", "has no services"),
        ("a: [", "is no YAML that can be read"),
        ("services: {app: {image: '${X:?say which}'}}", "needs the variable X: say which"),
        ("services: {app: {image: '${}'}}", "in a way that is none"),
        ("services: {app: {image: '${X'}}", "a brace that is not closed"),
        ("services: {app: {extends: other}}", "extends 'other', which is not there"),
        ("services: {app: {extends: app}}", "extends go round in a circle"),
        ('services: {app: {image: x, command: "it\'s"}}', "cannot be split into words"),
        ("services: {app: {image: x, env_file: absent.env}}", "absent.env: cannot be read"),
        ("services: {app: {image: x, healthcheck: {interval: soon}}}", "'soon' is no duration such as 1m30s"),
        ("services: {app: {image: x, ports: 5}}", "a service 'app' that Compose would not take either"),
        ("services: {app: {image: x, depends_on: {db: yes}}}", "a service 'app' that Compose would not take either"),
        ("services: {app: &a {image: x, ulimits: *a}}", "a service 'app' that Compose would not take either"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    """With exit code 2, before anything is written."""
    name = "apps" if "apps" in sentence else ""
    with pytest.raises(UsageError, match=sentence.replace("$", r"\$").replace("{", r"\{")) as caught:
        taken(tmp_path, text, name=name)
    assert caught.value.exit_code == 2


def test_a_service_of_another_file_is_extended(tmp_path: Path) -> None:
    """Tables are merged, lists come together, a command is replaced."""
    (tmp_path / "common.yaml").write_text(
        "services: {base: {image: x, command: [a], environment: [A=1, B=2], ports: ['80'], extends: {service: root}},"
        " root: {user: app}}"
    )
    text = (
        "services: {app: {extends: {file: common.yaml, service: base}, command: b c, environment: {B: 3},"
        " ports: ['80', '81']}}"
    )
    service = service_of(project(tmp_path, text), "app")
    assert (service.image, service.user, service.command, service.ports) == ("x", "app", ("b", "c"), (80, 81))
    assert service.env == {"A": "1", "B": "3"}


def test_services_are_found_by_what_variables_name(tmp_path: Path) -> None:
    """Also by another name; a name that no scenario can have is changed wherever it stands."""
    text = """
services:
  app: {build: ., environment: {A: "redis://the-cache:6379/0", B: "tcp://my_queue:1,nats", C: my_queue_long}}
  cache: {image: redis, container_name: the-cache}
  my_queue: {image: "nats:2", depends_on: [nats], networks: {x: {aliases: [q]}}}
  nats: {image: x, ports: [{target: 4222}]}
"""
    found = taken(tmp_path, text)
    assert found.app["env"] == {"A": "redis://cache:6379/0", "B": "tcp://my-queue:1,nats", "C": "my_queue_long"}
    assert [(each["name"], each["ready"], each.get("depends")) for each in found.sidecars] == [
        ("cache", "tcp:6379", None),
        ("my-queue", "tcp:4222", ["nats"]),
        ("nats", "tcp:4222", None),
    ]


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("DB_HOST", "db", True),
        ("POSTGRES_SERVER", "db", True),
        ("DSN", "postgresql://u:p@db/shop", True),
        ("BROKERS", "other:9092,db:9092", True),
        ("X", "db:5432", True),
        ("POSTGRES_USER", "db", False),
        ("DOCKER_IMAGE", "db", False),
        ("SESSION_BACKEND", "db", False),
        ("DSN", "postgresql://u:p@elsewhere/db", False),
        ("CORS_ORIGINS", "http://db:3000,http://localhost", False),
        ("ALLOWED_HOSTS", "db,localhost", False),
    ],
)
def test_a_service_is_named_where_its_name_is_a_host_to_ask(tmp_path: Path, key: str, value: str, named: bool) -> None:
    """Users, images, databases and callers are often called as services are."""
    text = f"""
services:
  app: {{build: ., environment: {{{key}: "{value}"}}}}
  db: {{image: postgres}}
"""
    assert bool(taken(tmp_path, text).sidecars) == named


def test_what_is_not_there_but_named_is_told(tmp_path: Path) -> None:
    """A database whose profile is off, and what a build needs beside its folder."""
    text = """
services:
  app:
    build: {context: ., dockerfile_inline: FROM x, ssh: [default], cache_from: [y], additional_contexts: {a: b}}
    environment: {DATABASE: "mysql://db/shop"}
  db: {image: mysql, profiles: [data]}
  adminer: {image: adminer, profiles: [tools]}
"""
    found = taken(tmp_path, text)
    assert sorted(line.partition(":")[0] for line in found.left) == [
        "services.app.build.additional_contexts",
        "services.app.build.dockerfile_inline",
        "services.app.build.ssh",
        "services.db",
    ]
    assert "--profile data takes it" in found.left[-1]


def test_a_sidecar_keeps_the_rights_that_the_file_adds(tmp_path: Path) -> None:
    """Beside those with which images of databases start."""
    text = (
        "services:\n  app: {image: 'shop:1', depends_on: [search, all]}\n"
        "  search: {image: 'search:2', cap_add: [IPC_LOCK]}\n  all: {image: 'all:3', cap_add: [ALL]}\n"
    )
    found = taken(tmp_path, text, name="app")
    assert [sidecar.get("capabilities") for sidecar in found.sidecars] == [[*OTHER_USER, "IPC_LOCK"], None]
    assert [line.partition(": ")[0] for line in found.left if "cap_add" in line] == ["services.all.cap_add ALL"]


def test_a_job_that_is_not_the_apps_is_named(tmp_path: Path) -> None:
    """One with an image of its own is taken over; one without a command, or of another build, needs a person."""
    done = "{condition: service_completed_successfully}"
    text = f"""
services:
  app: {{build: ., depends_on: {{one: {done}, two: {done}, three: {done}}}}}
  one: {{image: "tool:1", entrypoint: [run], command: ["a b"]}}
  two: {{image: "tool:2"}}
  three: {{build: other, command: x}}
"""
    found = taken(tmp_path, text, name="app")
    assert found.jobs == ({"name": "one", "image": "tool:1", "command": "run 'a b'", "times": "once"},)
    assert [line.partition(":")[0] for line in found.left] == ["services.two", "services.three"]


def test_a_job_of_the_apps_own_build_runs_in_its_image(tmp_path: Path) -> None:
    """Folder, Dockerfile and stage make an image; that of another stage is told as what it is."""
    done = "{condition: service_completed_successfully}"
    text = f"""
services:
  app: {{build: {{context: ., target: web, args: {{SHA: x}}}}, depends_on: {{one: {done}, two: {done}, db: {{}}}}}}
  one: {{build: {{context: ., target: web}}, command: migrate}}
  two: {{build: {{context: ., target: tools}}, command: x}}
  db: {{build: {{context: db, target: small}}}}
"""
    found = taken(tmp_path, text, name="app")
    assert found.jobs == ({"name": "one", "command": "migrate", "times": "once"},)
    assert [line.partition(" than ")[0] for line in found.left] == [
        "services.db.build.target: build it yourself and name it in [[sidecars]] image = …",
        "services.one.build.args: it runs in the app's image, which is built with those of the app",
        "services.two: it is built from another stage",
    ]


def test_a_job_with_an_image_of_its_own_keeps_what_it_shares_with_the_app(tmp_path: Path) -> None:
    """Only a job in the app's image has the app's environment anyway."""
    text = """
x-env: &env {DATABASE: "db:5432"}
services:
  app: {build: ., environment: *env, depends_on: {move: {condition: service_completed_successfully}}}
  move: {image: "tool:1", command: run, environment: *env}
"""
    assert taken(tmp_path, text).jobs[0]["env"] == {"DATABASE": "db:5432"}


@pytest.mark.parametrize(
    ("keys", "attribute", "expected"),
    [
        ("read_only: true", "read_only", True),
        ("healthcheck: {test: [NONE]}", "healthcheck", ()),
        ("healthcheck: {disable: true, test: [CMD, x]}", "healthcheck", ()),
        ("entrypoint: []", "entrypoint", ()),
        ("ports: ['3000-3001:80/tcp', 443]", "ports", (80, 443)),
        ("links: ['db:database']", "depends", {"db": "service_started"}),
        ("build: https://example.com/x.git", "image", ""),
        ("secrets: [a]", "left", (("secrets", "files of this machine: hand them over in env, as { from = NAME }"),)),
        ("gpus: all", "left", (("gpus", "the lab has no key for it"),)),
        ("x-own: 1", "left", ()),
        ("networks: {default: null}", "left", ()),
    ],
)
def test_either_form_of_a_key_is_read(tmp_path: Path, keys: str, attribute: str, expected: object) -> None:
    """What a person writes, and what Compose makes of it."""
    service: Service = service_of(project(tmp_path, f"services:\n  app:\n    {keys}\n"), "app")
    assert getattr(service, attribute) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A ${A} $$A $", "1 1 $A $"),
        ("${B:-${A:-x}}-${B-y}-${E:-z}-${E-z}", "1-y-z-"),
        ("${A:+set}${B:+set}${E+set}", "setset"),
        ("$B${B}", ""),
    ],
)
def test_variables_are_filled_as_compose_does(text: str, expected: str) -> None:
    """Also inside each other; what is not set is empty."""
    assert fill(text, {"A": "1", "E": ""}) == expected
    assert names_in("$A ${B:-$C} $$D") == ("A", "B", "C")


def test_what_compose_says_goes_before_what_the_image_says(tmp_path: Path) -> None:
    """Its command, entrypoint and health check; a new entrypoint drops the image's command."""
    (tmp_path / "Dockerfile").write_text('FROM x\nENTRYPOINT ["tini", "--"]\nCMD ["uvicorn", "a:b"]\n')
    look = look_at(tmp_path, Wanted(command=("gunicorn", "c:d"), healthcheck=("CMD", "curl", "http://localhost/up")))
    assert (look.start.app, look.ready_path, look.taken["start"]) == ("c:d", "/up", "ENTRYPOINT and CMD")
    assert look_at(tmp_path, Wanted(entrypoint=("granian", "e:f"))).start.app == "e:f"

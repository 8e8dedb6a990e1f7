"""`lab export --to nomad`: HCL that parses, whose variables, ports and addresses are all there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import hcl2
import pytest

from lab.export.deployment import Deployment
from lab.export.hcl import Block, hcl
from lab.export.target import TARGETS
from tests.exports import DIRECT, PAIRS, RICH, RICH_ARM, deployment, measured, rich

NOMAD = TARGETS["nomad"]
OF_EVERY_FRONT = ("workers", "replicas", "hybrid")
# A parse takes a second: fronts do not ask which model it is, nor commands which front.
PARSED = [(model, front) for model, front in PAIRS if model in OF_EVERY_FRONT or front == "direct"]
ARM = {"name": "arm", "model": "replicas", "front": "nginx"}


def parsed(given: Deployment, name: str = "job.nomad.hcl") -> tuple[str, dict[str, Any]]:
    """The text of a file and what is in it: blocks by their labels."""
    text = next(file.text for file in NOMAD.files(given) if file.name == name)
    return text, plain(hcl2.loads(text))


def plain(value: Any) -> Any:
    """Without what the parser adds: quotes, and the mark of a block."""
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, str) and value.startswith('"<<'):
        return value[1:-1]
    return json.loads(value) if isinstance(value, str) and value.startswith('"') else value


def labelled(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {label: body for block in blocks for label, body in block.items()}


def groups(document: dict[str, Any]) -> dict[str, Any]:
    (job,) = labelled(document["job"]).values()
    return labelled(job["group"])


def tasks(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for group in groups(document).values():
        yield from labelled(group["task"]).items()


@pytest.mark.parametrize(("model", "front"), PARSED)
def test_every_model_and_front_is_a_job_that_parses(model: str, front: str) -> None:
    """As many of the app as it has containers, and a front that repeats a line for each; Caddy cannot."""
    given = deployment({"name": "arm", "model": model, "front": front}, measured())
    if front == "caddy":
        assert "all addresses of the app in one line" in NOMAD.refusal(given)
        return
    text, document = parsed(given)
    app, declared = groups(document)["app"], labelled(document["variable"])

    assert NOMAD.refusal(given) == ""
    assert app["count"] == len(given.app)
    assert dict(tasks(document))["app"]["config"][0]["args"] == list(given.app[0].argv)
    assert set(re.findall(r"\bvar\.(\w+)", text)) <= set(declared)
    assert text.count("static = var.published_port") == 1
    assert text.count('range $number, $each := nomadService "app-quickstart-arm-app"') == (1 if given.front else 0)
    assert "upstream.invalid" not in text
    for group in groups(document).values():
        ports = labelled(group["network"][0]["port"])
        assert {service["port"] for service in group["service"]} == set(ports)
        assert {
            port for task in labelled(group["task"]).values() for port in task["config"][0].get("ports", ())
        } == set(ports)


def test_servers_of_haproxy_have_names_of_their_own() -> None:
    """One name twice would end it."""
    text, _ = parsed(deployment({**ARM, "front": "haproxy"}, measured()))

    assert "server app-{{ $number }} {{ $each.Address }}:{{ $each.Port }}" in text


def test_an_arm_with_everything_has_all_of_it() -> None:
    """Secrets and certificate from Nomad's variables, jobs before, the budget, and values as they are."""
    given = rich("nomad")
    _, document = parsed(given)
    _, before = parsed(given, "before.nomad.hcl")
    named = dict(tasks(document))
    app = named["app"]

    assert app["user"] == "10001:10002"
    assert app["env"]["GREETING"] == "a$b $${c} {{d}} %%{e}"
    assert (
        app["template"][0]["data"]
        == '{{ with nomadVar "nomad/jobs/app-quickstart-rich" }}API_KEY={{ .API_KEY.Value | toJSON }}{{ end }}'
    )
    assert app["resources"][0]["memory"] == -(-(given.memory_limit(given.app[0]) or 0) // 2**20)
    assert named["warm"]["lifecycle"][0]["hook"] == "prestart"
    assert list(dict(tasks(before))) == ["migrate"]
    assert "nomad/jobs/app-quickstart-rich-before" in dict(tasks(before))["migrate"]["template"][0]["data"]
    assert named["nginx"]["config"][0]["mount"][-1] == {
        "type": "bind",
        "source": "secrets/lab",
        "target": "/etc/lab",
        "readonly": True,
    }
    assert [template["destination"] for template in named["nginx"]["template"]] == [
        "secrets/lab/nginx.conf",
        "secrets/lab/tls/server.pem",
        "secrets/lab/tls/server.pem.key",
    ]


@pytest.mark.parametrize(
    ("user", "perms"),
    [("", 'perms = "0444"'), ("app", 'perms = "0444"'), ("10001:2", 'perms = "0400"\n        uid = 10001')],
)
def test_the_key_can_be_read_by_whoever_serves(user: str, perms: str) -> None:
    """A file is root's unless a number says whose."""
    arm = {"name": "arm", "model": "workers", "front": {"kind": "direct", "tls": True}}
    given = deployment(arm, measured(), app={"image": "example/app:1", "user": user})

    assert NOMAD.files(given)[0].text.count(perms) == 2


def test_jobs_that_run_once_run_in_their_order() -> None:
    """Nomad starts all groups of a job, and all tasks before another, side by side."""
    jobs = [{"name": name, "command": "x", "env": {"A_KEY": {"from": "K"}}} for name in ("migrate", "seed")]
    several, single = deployment(ARM, measured(), jobs=jobs), deployment(DIRECT, measured(), jobs=jobs)
    files = {file.name: file.text for file in NOMAD.files(several)}
    head = " ".join(NOMAD.files(single)[0].text.replace("#", " ").split())

    assert list(files) == ["job.nomad.hcl", "before-1.nomad.hcl", "before-2.nomad.hcl"]
    assert 'job "app-quickstart-arm-before-2" {' in files["before-2.nomad.hcl"]
    assert 'nomadVar \\"nomad/jobs/app-quickstart-arm-before-2\\"' in files["before-2.nomad.hcl"]
    assert NOMAD.start(several).index("before-1.nomad.hcl") < NOMAD.start(several).index("before-2.nomad.hcl")
    assert "nomad/jobs/app-quickstart-arm-before-1" in NOMAD.start(several)
    assert "order of jobs migrate, seed: Nomad runs those of a group side by side" in head


@pytest.mark.parametrize(("front", "signal"), [("nginx", "SIGHUP"), ("haproxy", "SIGUSR2"), ("traefik", "SIGHUP")])
def test_a_front_reads_new_addresses_and_goes_on(front: str, signal: str) -> None:
    """By default Nomad would start it again for each container of the app that is replaced; a secret needs a start."""
    given = deployment({**ARM, "front": {"kind": front, "tls": True}}, measured(), app=RICH["app"])
    text = NOMAD.files(given)[0].text

    assert text.count('change_mode = "signal"') == text.count(f'change_signal = "{signal}"') == 3
    assert text.count("template {") == 4


def test_sidecars_are_refused() -> None:
    """Nothing there has a name by which the app could ask for it."""
    assert "db, cache" in NOMAD.refusal(deployment(RICH_ARM, measured(), **RICH))


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer hidden-word"}, {"X.Odd": "1"}])
def test_a_header_that_a_check_cannot_have_leaves_the_port(headers: dict[str, str]) -> None:
    """A secret must be in no file, and HCL has no word for some names."""
    app = {"image": "example/app:1", "probe_headers": headers}
    text, document = parsed(deployment(ARM, measured(), app=app))

    assert groups(document)["app"]["service"][0]["check"][0]["type"] == "tcp"
    assert "hidden-word" not in text


def test_texts_stay_as_they_are() -> None:
    """HCL works out nothing in them, and no line of theirs ends them."""
    text = hcl(Block("a", "b", [("c", '${x} %{y} "q" \\'), ("d", "1\nEND_OF_TEXT\n2"), ("e", "one\n${two}\n")]))

    assert '"$${x} %%{y} \\"q\\" \\\\"' in text
    assert '"1\\nEND_OF_TEXT\\n2"' in text
    assert "<<END_OF_TEXT\none\n$${two}\nEND_OF_TEXT" in text
    assert hcl2.loads(text)

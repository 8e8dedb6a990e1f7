"""Keys of what an image needs beyond the least: bad values are sentences, good ones reach the container."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.cli.plan import plan
from lab.engines.docker.container import archive, creation
from lab.errors import ScenarioError
from lab.host.labels import labels
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.topology import ConfigFile, Topology
from lab.scenario.file import read_scenario, scenario_from_json, scenario_to_json
from lab.scenario.model import Scenario
from lab.scenario.secret import plain
from lab.scenario.secrets_of import redactor_of, with_values
from lab.scenario.toml_text import scenario_text

TEXT = """
question = "Does it start?"
[app]
image = "shop:1"
{keys}
[budget]
processes = 2
[[arms]]
name = "workers"
model = "workers"
front = "nginx"
[load]
locustfile = "locustfile.py"
rate = 50
"""


def scenario_with(folder: Path, keys: str) -> Scenario:
    (folder / "locustfile.py").write_text("")
    path = folder / "scenario.toml"
    path.write_text(TEXT.format(keys=keys))
    return read_scenario(path)


def topology_of(scenario: Scenario) -> Topology:
    trial = build_plan(scenario).trials[0]
    return build_topology(scenario, trial, nominal_ports(scenario, trial.arm))


def asked_of_docker(scenario: Scenario) -> Mapping[str, Any]:
    """The arguments for the container of the app."""
    service = topology_of(scenario).services[0]
    return creation(service, "sha256:1", labels("run", "b01-workers", service.name), "", "no")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ('user = "root;rm"', 'app.user: expected a user such as "10001:10001" or "app"'),
        (
            'capabilities = ["CHOWN", "SET_UID"]',
            "app.capabilities[1]: unknown capability 'SET_UID': did you mean 'SETUID'",
        ),
        ('capabilities = ["ALL"]', "app.capabilities[0]: unknown capability 'ALL'"),
        ('volumes = ["data"]', "app.volumes[0].path: expected the absolute path of a folder in the container, such as"),
        ('volumes = ["/"]', "app.volumes[0].path: expected the absolute path"),
        ('volumes = ["/a/../../etc"]', "app.volumes[0].path: expected the absolute path"),
        (
            'volumes = ["/proc/self"]',
            "app.volumes[0].path: expected a folder of the app, got '/proc/self', which is the",
        ),
        ('volumes = ["/data", { path = "/data/" }]', "app.volumes: expected each path once, got '/data' twice"),
        ('volumes = [{ path = "/data", size = "big" }]', 'app.volumes[0].size: expected a size like "512MiB"'),
        ('volumes = [{ path = "/data", mode = "rwx" }]', "app.volumes[0].mode: expected permissions in octal"),
        ('volumes = [{ path = "/data", user = "x" }]', "app.volumes[0].user: unknown key"),
        ('volumes = [{ path = "/data", uid = -1 }]', "app.volumes[0].uid: expected 0 or more"),
        ('probe_headers = "Host: x"', 'app.probe_headers: expected a table such as { Host = "api.example.org" }'),
        ('probe_headers = { "Ho st" = "x" }', "app.probe_headers: 'Ho st' is no name of a header"),
        ('probe_headers = { Connection = "close" }', "app.probe_headers: Connection says how a connection is used"),
        ('probe_headers = { Host = "a\\nX: b" }', "app.probe_headers: Host: expected printable ASCII"),
        ('entrypoint = "sh -c \'x"', "app.entrypoint: cannot be split into words: no closing quotation"),
        ('healthcheck = "no way"', "app.healthcheck: expected true or false"),
    ],
)
def test_a_bad_value_is_a_sentence_with_its_key(tmp_path: Path, key: str, expected: str) -> None:
    """Where it stands, what was expected, what was there."""
    with pytest.raises(ScenarioError) as caught:
        scenario_with(tmp_path, key)

    assert expected in str(caught.value)


KEYS = """
entrypoint = "tini -g --"
user = "10001:0"
capabilities = ["CAP_CHOWN", "setuid"]
volumes = ["/data", { path = "/var/cache/app", size = "64MiB", mode = "0700", uid = 5, gid = 6 }]
probe_headers = { Host = "api.example.org", Authorization = "Bearer abcdefgh" }
"""


def test_the_keys_survive_json_and_toml(tmp_path: Path) -> None:
    """A run is continued with what it was started with; `lab compare` prints it as a file again."""
    scenario = scenario_with(tmp_path, KEYS.replace('"Bearer abcdefgh"', '{ from = "TOKEN" }'))

    assert scenario_from_json(scenario_to_json(scenario)) == scenario
    path = tmp_path / "again.toml"
    path.write_text(scenario_text(scenario))
    assert read_scenario(path) == scenario


def test_a_container_gets_the_least_unless_more_is_asked_for(tmp_path: Path) -> None:
    """No capability, the image's own user and entrypoint, /tmp in memory, and no health check that takes CPU."""
    least = asked_of_docker(scenario_with(tmp_path, ""))
    assert (least["cap_drop"], least["cap_add"], least["user"], least["entrypoint"]) == (["ALL"], [], None, None)
    assert list(least["tmpfs"]) == ["/tmp"]
    assert least["healthcheck"] == {"test": ["NONE"]}

    more = asked_of_docker(scenario_with(tmp_path, f"{KEYS}healthcheck = true"))
    assert (more["cap_drop"], more["cap_add"]) == (["ALL"], ["CHOWN", "SETUID"])
    assert more["user"] == "10001:0"
    assert more["entrypoint"] == ["tini", "-g", "--"]
    assert more["tmpfs"]["/data"] == "rw,exec,nosuid,nodev,size=268435456,mode=1777,uid=0,gid=0"
    assert more["tmpfs"]["/var/cache/app"] == "rw,exec,nosuid,nodev,size=67108864,mode=0700,uid=5,gid=6"
    assert more["healthcheck"] is None


@pytest.mark.parametrize(
    ("user", "owner"),
    [("", (0, 0)), ("10001:20", (10001, 20)), ("10001", (10001, 0)), ("app", (0, 0)), ("10001:app", (10001, 0))],
)
def test_files_belong_to_users_that_are_numbers(user: str, owner: tuple[int, int]) -> None:
    """Only the image knows who the others are; a key of the app's is for all to read."""
    key = ConfigFile(path="/etc/lab/tls/server.pem.key", content=b"key", mode=0o444, recorded=False)
    ((_, packed),) = archive([key], user)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        (entry,) = tar.getmembers()
    assert (entry.uid, entry.gid, entry.mode) == (*owner, 0o444)


def test_an_entrypoint_may_be_dropped_and_may_say_where_to_listen(tmp_path: Path) -> None:
    """An empty one is none, which Docker tells from the image's own; placeholders are those of the command."""
    assert asked_of_docker(scenario_with(tmp_path, 'entrypoint = ""'))["entrypoint"] == []
    keys = 'entrypoint = "serve --port {port}"\ncommand = "--workers {workers}"'
    asked = asked_of_docker(scenario_with(tmp_path, keys))
    assert (asked["entrypoint"], asked["command"]) == (["serve", "--port", "20000"], ["--workers", "2"])


def test_the_front_gets_none_of_it(tmp_path: Path) -> None:
    """The keys are the app's: nginx keeps running as nobody, without capabilities and volumes."""
    front = topology_of(scenario_with(tmp_path, KEYS)).services[-1]

    assert (front.name, front.capabilities, front.volumes, front.user) == ("nginx", (), (), "65534:65534")


def test_the_plan_says_what_the_app_gets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Below its command, and nothing where it gets the least."""
    scenario_with(tmp_path, f"{KEYS}read_only = false")
    plan(tmp_path / "scenario.toml", everything=True)
    granted = "user 10001:0, capability CHOWN, capability SETUID, /data in memory, 256.0 MiB, "
    assert f"{granted}/var/cache/app in memory, 64.0 MiB, root file system writable\n" in capsys.readouterr().out

    scenario_with(tmp_path, "")
    plan(tmp_path / "scenario.toml", everything=True)
    assert "in memory" not in capsys.readouterr().out


def test_credentials_in_a_header_are_secrets(tmp_path: Path) -> None:
    """By the name of the header; the probes get the value, nobody else does."""
    scenario = with_values(scenario_with(tmp_path, KEYS), {})
    assert "abcdefgh" not in str(scenario_to_json(scenario))
    assert "abcdefgh" not in redactor_of(scenario)("refused Bearer abcdefgh")
    assert topology_of(scenario).probe_headers == {"Host": "api.example.org", "Authorization": "Bearer abcdefgh"}


def test_a_header_may_come_from_the_environment(tmp_path: Path) -> None:
    """As a variable of env may; what cannot be a header is refused before anything starts, without its value."""
    scenario = scenario_with(tmp_path, 'probe_headers = { X-Api-Key = { from = "KEY" } }')

    assert plain(with_values(scenario, {"KEY": "s3cret-word"}).app.probe_headers["X-Api-Key"]) == "s3cret-word"
    with pytest.raises(ScenarioError, match=r"app\.probe_headers\.X-Api-Key: its value is not known"):
        with_values(scenario, {})
    with pytest.raises(ScenarioError, match=r"^app\.probe_headers.*: expected printable ASCII") as caught:
        with_values(scenario, {"KEY": "s3cret\nword"})
    assert "s3cret" not in str(caught.value)


def test_a_value_that_is_not_valid_is_not_shown(tmp_path: Path) -> None:
    """A message about another key masks credentials too."""
    with pytest.raises(ScenarioError) as caught:
        scenario_with(tmp_path, 'probe_headers = { Cookie = "id=abcdefgh" }\nuser = "id=abcdefgh"')

    assert "abcdefgh" not in str(caught.value)

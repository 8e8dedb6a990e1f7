"""TLS at a front or in the app: configurations, certificates, refusals, and a key that is written nowhere."""

from __future__ import annotations

import builtins
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.engines.process.command import ProgramPlace, start_of
from lab.errors import MissingError, ScenarioError
from lab.host.authority import certificate_for, make_certificate
from lab.host.labels import labels
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.plan.certificate import CERTIFICATE, KEY, Certificate
from lab.plan.fronts.front import front_title
from lab.plan.topology import Service, Topology
from lab.run.by_hand import check_reachable
from lab.run.run import run_scenario
from lab.scenario.file import read_scenario
from tests.builders import make_scenario
from tests.fake_surroundings import FakeSurroundings, shop
from tests.fakes import Silent

MADE = Certificate(chain=b"the chain", key=b"the key that nobody may see", authority="the authority")
TLS_DIRECT = {"kind": "direct", "tls": True}
FRONTS = ("nginx", "haproxy", "traefik", "caddy")


def planned(front: dict[str, Any], model: Any = "workers", **arm: Any) -> Topology:
    """The topology of the only arm's first trial, with a certificate that was made for the run."""
    scenario = make_scenario(({"name": "arm", "model": model, "front": front, **arm},))
    trial = build_plan(scenario).trials[0]
    ports = range(20000, 20000 + ports_needed(scenario, trial.arm))
    return build_topology(scenario, trial, ports, certificate=MADE)


def proxy(topology: Topology) -> Service:
    """The front."""
    return next(service for service in topology.services if service.kind == "proxy")


@pytest.mark.parametrize(
    ("front", "lines"),
    [
        (
            {"kind": "nginx"},
            [
                "listen 127.0.0.1:20001 ssl;",
                f"ssl_certificate {CERTIFICATE};",
                f"ssl_certificate_key {KEY};",
                "ssl_protocols TLSv1.2 TLSv1.3;",
            ],
        ),
        ({"kind": "nginx", "profile": "stock"}, ["listen 127.0.0.1:20001 ssl;", f"ssl_certificate {CERTIFICATE};"]),
        ({"kind": "haproxy"}, [f"bind 127.0.0.1:20001 ssl crt {CERTIFICATE}"]),
        ({"kind": "traefik"}, [f"certFile: {CERTIFICATE}", f"keyFile: {KEY}"]),
        ({"kind": "caddy"}, ["https://:20001 {", f"tls {CERTIFICATE} {KEY}", "protocols h1 h2"]),
    ],
    ids=str,
)
def test_a_front_ends_tls(front: dict[str, Any], lines: list[str]) -> None:
    """Clients connect over TLS and trust the run's authority; to the app goes plain HTTP."""
    topology = planned({**front, "tls": True})
    service = proxy(topology)
    written = {line.strip() for line in service.files[0].text.splitlines()}

    assert [line for line in lines if line not in written] == []
    assert (topology.entry.url, topology.entry.trust) == ("https://127.0.0.1:20001", "the authority")
    assert {endpoint.scheme for endpoint in topology.app} == {"http"}
    assert {file.path: file.content for file in service.files[1:]} == {CERTIFICATE: MADE.chain, KEY: MADE.key}


def test_traefik_speaks_tls_where_clients_connect() -> None:
    """Its certificates are in the file, that it uses them is in its command."""
    assert "--entryPoints.clients.http.tls=true" in proxy(planned({"kind": "traefik", "tls": True})).argv


@pytest.mark.parametrize("kind", FRONTS)
def test_without_tls_a_front_knows_of_none(kind: str) -> None:
    """Neither in its configuration nor among its files."""
    topology = planned({"kind": kind})
    service = proxy(topology)

    assert CERTIFICATE not in service.files[0].text
    assert len(service.files) == 1
    assert topology.entry.scheme == "http"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("workers", f"--ssl-certfile {CERTIFICATE} --ssl-keyfile {KEY}"),
        ("gunicorn", f"--certfile {CERTIFICATE} --keyfile {KEY}"),
        ("hypercorn", f"--certfile {CERTIFICATE} --keyfile {KEY}"),
        ("granian", f"--ssl-certificate {CERTIFICATE} --ssl-keyfile {KEY}"),
    ],
)
def test_the_app_speaks_tls_by_its_servers_own_options(model: str, words: str) -> None:
    """Every probe and the load connect over TLS; as whom the image runs nobody knows, so that its key is for all."""
    topology = planned(TLS_DIRECT, model)
    (service,) = topology.services

    assert words in " ".join(service.argv)
    assert [(file.path, oct(file.mode)) for file in service.files] == [(CERTIFICATE, "0o444"), (KEY, "0o444")]
    assert topology.entry == topology.app[0]
    assert (topology.entry.scheme, topology.entry.trust) == ("https", "the authority")
    assert "--ssl-certfile" not in " ".join(planned({"kind": "direct"}, model).services[0].argv)


def test_a_command_of_ones_own_is_told_where_the_files_are() -> None:
    """By placeholders, as its port."""
    command = "serve --port {port} --workers {workers} --cert {certfile} --key {keyfile}"
    (service,) = planned(TLS_DIRECT, command=command).services

    assert service.argv[-4:] == ("--cert", CERTIFICATE, "--key", KEY)


def test_the_app_believes_its_front_where_it_is_asked_to() -> None:
    """On loopback by its address; in a network of its own nobody else reaches the app."""
    on_loopback = planned({"kind": "nginx", "tls": True}, proxy_headers=True).services[0].argv
    alone = planned({"kind": "nginx"}, proxy_headers=True, network="own").services[0].argv
    not_asked = planned({"kind": "nginx", "tls": True}).services[0].argv

    assert on_loopback[on_loopback.index("--proxy-headers") + 1 :][:2] == ("--forwarded-allow-ips", "127.0.0.1")
    assert alone[alone.index("--proxy-headers") + 1 :][:2] == ("--forwarded-allow-ips", "*")
    assert "--no-proxy-headers" in not_asked


def refusal(tmp_path: Path, arm: str, app: str = 'image = "shop:1"') -> str:
    """What is said of a scenario with this arm."""
    (tmp_path / "locustfile.py").touch()
    path = tmp_path / "scenario.toml"
    path.write_text(
        f'question = "Which?"\n[app]\n{app}\n[[arms]]\nname = "a"\n{arm}\n[budget]\nprocesses = 2\n'
        '[load]\nlocustfile = "locustfile.py"\n'
    )
    with pytest.raises(ScenarioError) as raised:
        read_scenario(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        ('model = "workers"\nfront = { kind = "nginx", tls = 1 }', "tls: expected true or false"),
        ('model = "workers"\nfront = { kind = "nginx", tsl = true }', "unknown option 'tsl': did you mean 'tls'?"),
        (
            'model = "workers"\nfront = { kind = "caddy", tls = true, profile = "stock" }',
            "an option of front 'nginx'",
        ),
        (
            'model = "workers"\nfront = { kind = "nginx", tls = true, config = "own.conf" }',
            '"tls" says nothing here, because config has what nginx listens with',
        ),
        ('model = "replicas"\nfront = { kind = "direct", tls = true }', "replicas listen on one port each"),
        (
            'model = "fastapi-run"\nfront = { kind = "direct", tls = true }',
            'take the TLS of a front, or model = "workers"',
        ),
        (
            'model = "workers"\nfront = { kind = "direct", tls = true }\n'
            'command = "serve --port {port} --workers {workers}"',
            "arms[].command, or a value of env, needs the placeholder {certfile}",
        ),
        (
            'model = "workers"\nfront = { kind = "nginx", tls = true }\n'
            'command = "serve --port {port} --workers {workers} --key {keyfile}"',
            'has the placeholder {keyfile}, and arm "a" has no TLS in the app',
        ),
        ('model = "workers"\nfront = "direct"\nproxy_headers = true', 'leave it out, or take front = "nginx" or'),
        ('model = "gunicorn"\nfront = "nginx"\nproxy_headers = true', 'or take model = "workers"'),
        (
            'model = "workers"\nfront = "nginx"\nproxy_headers = true\n'
            'command = "serve --port {port} --workers {workers}"',
            "write --proxy-headers --forwarded-allow-ips into arms[].command",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest_choice(tmp_path: Path, arm: str, expected: str) -> None:
    """Before anything is built."""
    assert expected in refusal(tmp_path, arm)


def test_a_page_by_hand_has_one_address_for_all_arms() -> None:
    """It cannot ask one over TLS and another one without."""
    plain = {"name": "plain", "model": "workers", "front": "direct"}
    mixed = make_scenario((plain, {"name": "tls", "model": "workers", "front": TLS_DIRECT}))

    with pytest.raises(ScenarioError, match='"tls" with TLS and other arms without'):
        check_reachable(mixed)
    check_reachable(replace(mixed, arms=mixed.arms[1:], compare=replace(mixed.compare, baseline="")))


def test_a_certificate_is_for_loopback_and_every_service_by_name() -> None:
    """It is of the run's own authority: whoever trusts that trusts it, and nobody else does."""
    scenario = make_scenario(
        (
            {"name": "replicas", "model": "replicas", "front": {"kind": "haproxy", "tls": True}},
            {"name": "workers", "model": "workers", "front": "nginx"},
        )
    )
    made = certificate_for(scenario)
    context = ssl.create_default_context(cadata=made.authority)

    assert len(context.get_ca_certs()) == 1
    assert made.key.startswith(b"-----BEGIN")
    assert "key=" not in repr(made)
    assert {"127.0.0.1", "localhost", "app-1", "haproxy", "app", "nginx"} <= _names(made)
    assert front_title(scenario.arms[0]) == "haproxy (tls)"


def _names(made: Certificate) -> set[str]:
    from cryptography import x509

    found = x509.load_pem_x509_certificate(made.chain).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {*found.value.get_values_for_type(x509.DNSName), *map(str, found.value.get_values_for_type(x509.IPAddress))}


def test_no_certificate_is_made_where_nobody_speaks_tls() -> None:
    """The tools for it need not be there."""
    assert certificate_for(make_scenario()) == Certificate()


def test_without_the_tools_a_sentence_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 4."""
    imported = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "trustme":
            raise ModuleNotFoundError("No module named 'trustme'", name=name)
        return imported(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingError, match="TLS without tools for certificates: No module named 'trustme'") as raised:
        make_certificate()

    assert (raised.value.exit_code, "pip install trustme" in raised.value.hint) == (4, True)


@pytest.mark.parametrize("kind", FRONTS)
def test_a_plain_process_finds_its_files_where_they_lie(kind: str, tmp_path: Path) -> None:
    """Below its own folder, which its configuration then names; a key's path begins like that of the certificate."""
    start = start_of(
        proxy(planned({"kind": kind, "tls": True})), ProgramPlace(), tmp_path, labels("run", "trial", kind)
    )
    configuration, *_ = start.files.values()
    here = str(tmp_path).encode()

    assert here + CERTIFICATE.encode() in configuration.content
    assert configuration.content.count(b"/etc/lab/tls") == configuration.content.count(here)


def test_the_key_is_written_nowhere(tmp_path: Path) -> None:
    """Not into the run folder, its report or its logs; a plan that is shown has none."""
    scenario = shop(tmp_path)
    arms = tuple(replace(arm, front=type(arm.front)(tls=True)) for arm in scenario.arms)
    plan = build_plan(replace(scenario, arms=arms))
    around = replace(FakeSurroundings().make(), certify=lambda _scenario: MADE)
    folder = run_scenario(plan, "shop", tmp_path / "out", Silent(), around=around)
    around.conclude(folder.path)

    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert CERTIFICATE.encode() in written, "where it lay is no secret"
    assert MADE.key not in written

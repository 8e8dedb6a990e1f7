"""What must pass a front as it does without one: the echo server, the expectations, and how a run is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from lab.agent.loading import AgentPlace
from lab.attest.echo import LARGE, echo_server
from lab.attest.raw_http import ask
from lab.attest.transparency import FORGED, OBSERVED, client_failures, failures, observe, opacity
from lab.engines import Engine
from lab.errors import DeploymentError, InvalidRunError, ScenarioError
from lab.plan.fronts.nginx import NGINX
from lab.plan.topology import Topology
from lab.run.fronts import attest_fronts
from lab.scenario.network import Network
from tests.agents import agent
from tests.builders import make_scenario

WORKERS = {"name": "workers", "model": "workers", "front": "direct"}
RIGHT = {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http"}


def test_the_echo_server_lets_everything_pass() -> None:
    """Directly everything works, or nothing could be compared with it; but nobody adds headers for the client."""
    with echo_server(0) as echo:
        seen = observe(echo)

        assert seen["paths unchanged"] == "200 /a%2Fb//c/../~d/%C3%A9/%20?q=a%2Fb&q=%20"
        assert seen["absolute URIs"] == "200 /absolute?q=1"
        assert seen["chunked bodies"] == "200 7"
        assert seen["Expect: 100-continue"] == "100, then 200 4"
        assert seen["WebSocket"] == "101, then 9 bytes"
        assert seen["server-sent events at once"] == "first event alone"
        assert seen[f"answer headers of {LARGE // 1000} kB"] == f"200, header of {LARGE} bytes"
        assert [item for item, told in seen.items() if "without" in told or told.startswith(("4", "5", "no"))] == []
        assert opacity(echo, echo).keys() == {"forged client address", "scheme"}


def test_what_does_not_answer_is_told_item_by_item() -> None:
    """A front that is gone fails every item, with the reason."""
    with echo_server(0) as gone:
        pass
    with echo_server(0) as echo:
        found = opacity(echo, gone)

    assert found.keys() == {*OBSERVED, "client address"}
    assert "no answer (ConnectionRefusedError)" in found["HEAD"]


def test_only_what_comes_out_otherwise_fails() -> None:
    """With what was seen behind the front, and what directly."""
    assert dict(failures({"a": "200", "b": "200"}, {"a": "200", "b": "413"})) == {"b": "413 instead of 200"}


@pytest.mark.parametrize(
    ("headers", "failed"),
    [
        (RIGHT, set()),
        ({}, {"client address", "scheme"}),
        ({**RIGHT, "x-forwarded-for": f"{FORGED}, 127.0.0.1"}, {"forged client address"}),
        ({**RIGHT, "forwarded": f"for={FORGED}"}, {"forged client address"}),
        ({**RIGHT, "x-forwarded-proto": "https"}, {"scheme"}),
    ],
)
def test_a_front_tells_who_the_client_is_and_believes_nobody(headers: Mapping[str, str], failed: set[str]) -> None:
    """The address and the scheme are those that the front has seen itself."""
    assert {item for item, _ in client_failures(headers, "http")} == failed


class EchoEngine:
    """Deploys nothing: the front is the echo server itself, which adds no header, or does not come up."""

    def __init__(self, error: DeploymentError | None = None, elsewhere: str = "") -> None:
        self.elsewhere = elsewhere
        self.topologies: list[Topology] = []
        self._error = error

    def free_ports(self, count: int, _seed: int) -> tuple[int, ...]:
        return (0, *range(1, count))

    @contextmanager
    def deploy(self, topology: Topology) -> Iterator[None]:
        self.topologies.append(topology)
        if self._error:
            raise self._error
        object.__setattr__(topology, "entry", replace(topology.app[0]))
        yield


def attested(arms: list[dict[str, Any]], engine: EchoEngine) -> Mapping[str, Mapping[str, str]]:
    return attest_fronts(cast(Engine, engine), make_scenario(arms), lambda _step: None)


def behind(name: str, **front: Any) -> dict[str, Any]:
    return {"name": name, "model": "replicas", "front": {"kind": "nginx", **front}}


def test_a_front_that_claims_to_be_transparent_and_is_not_ends_the_run() -> None:
    """Exit 3, with the item that fails and its proof."""
    with pytest.raises(InvalidRunError, match=r"nginx \(tuned\) does not let pass .* scheme \(X-Forwarded"):
        attested([WORKERS, behind("replicas")], EchoEngine())


def test_an_exchange_that_broke_once_is_said_and_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a front is set up to do it does again; a busy machine breaks one exchange and not the next."""
    looks, said = [{"bodies of 8 MB": "no answer (IncompleteRead)"}, {}], list[str]()
    monkeypatch.setattr("lab.run.fronts._opacity", lambda *_: looks.pop(0))
    scenario = make_scenario([WORKERS, behind("replicas")])
    found = attest_fronts(cast(Engine, EchoEngine()), scenario, said.append)

    assert found == {"nginx (tuned)": {}}
    assert "bodies of 8 MB did not pass once (no answer (IncompleteRead)), and did" in said[-1]


def test_where_the_engine_is_elsewhere_the_echo_server_is_beside_its_load() -> None:
    """It runs there, is found there under the name of that place, and is asked from there; then it is gone."""
    engine = EchoEngine(elsewhere="its processes are not this machine's")
    arms = make_scenario([WORKERS, behind("a", profile="stock")])
    with agent() as (talk, _):
        place = AgentPlace(lambda: talk, host="localhost")
        found = attest_fronts(cast(Engine, engine), arms, lambda _step: None, place=place)

        (topology,) = engine.topologies
        assert found["nginx (stock)"].keys() == {"forged client address", "scheme"}
        assert topology.network is Network.OWN
        assert topology.app[0].host == "localhost"
        assert (topology.services[0].host, topology.services[0].ports) == ("nginx", (8080,))
        with pytest.raises(ConnectionRefusedError):
            ask(topology.app[0], "GET", "/")


def test_a_front_that_keeps_its_limits_on_purpose_is_noted_once_for_its_options() -> None:
    """Arms with the same front are one question; an arm without a front is none."""
    engine = EchoEngine()
    arms = [WORKERS, behind("a", profile="stock"), behind("b", profile="stock")]
    found = attested([*arms, behind("c", profile="stock", balance="random")], engine)

    assert [topology.trial_id for topology in engine.topologies] == ["front-1", "front-2"]
    assert list(found) == ["nginx (stock)", "nginx (stock, random)"]
    assert found["nginx (stock)"].keys() == {"forged client address", "scheme"}


def test_a_configuration_that_does_not_start_is_the_users_to_mend(tmp_path: Path) -> None:
    """Exit 2 with what nginx said; a front of the lab's that does not start stays a failure of the deployment."""
    config = tmp_path / "nginx.conf"
    config.write_text("{listen} {upstreams}")
    error = DeploymentError("container of 'nginx' ended with exit code 1; its last lines:\nnginx: [emerg] unknown")

    with pytest.raises(ScenarioError, match=r"(?s)nginx \(own nginx.conf\) of arm mine does not start.*unknown"):
        attested([WORKERS, behind("mine", config=str(config))], EchoEngine(error))
    with pytest.raises(DeploymentError):
        attested([WORKERS, behind("replicas")], EchoEngine(error))


def test_what_a_front_is_known_not_to_let_pass_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noted all the same."""
    knowing = replace(NGINX, lacks=("scheme", "forged client address"))
    monkeypatch.setattr("lab.run.fronts.front_of", lambda _arm: knowing)
    found = attested([WORKERS, behind("replicas")], EchoEngine())

    assert found["nginx (tuned)"].keys() == {"scheme", "forged client address"}

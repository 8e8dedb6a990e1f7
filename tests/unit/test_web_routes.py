"""What the lab adds to Locust's Flask app: a tab, its data, orders from the page only, and requests to the arm only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from lab.load.web.routes import ASSETS, extend, stranger

OWN = {"Host": "127.0.0.1:8089"}
EVIL = OWN | {"Origin": "http://evil.example"}


class Desk:
    """Writes down what it is asked."""

    base_url = "http://127.0.0.1:20000"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.in_the_way = ""
        self.file: Path | None = None

    def live(self, since: int) -> Mapping[str, Any]:
        return {"arm": "workers", "points": [since]}

    def readings(self) -> Path | None:
        return self.file

    def obstacle(self) -> str:
        return self.in_the_way

    def switch(self, arm: str) -> str:
        self.asked.append(f"switch {arm}")
        return "" if arm == "replicas" else "There is no such arm."

    def act(self, verb: str) -> str:
        self.asked.append(f"act {verb}")
        return "" if verb == "kill" else "Nothing of the kind."

    def end(self) -> None:
        self.asked.append("end")


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def arguments() -> dict[str, Any]:
    return {}


@pytest.fixture
def client(desk: Desk, arguments: dict[str, Any]) -> FlaskClient:
    """An app with three routes of Locust's, extended."""
    app = Flask("page")
    app.add_url_rule("/", "index", lambda: "<html><body><main></main></body></html>")
    app.add_url_rule("/swarm", "swarm", lambda: {"success": True}, methods=["POST"])
    state = iter(("running", "cleanup", "stopped"))
    app.add_url_rule("/stats/requests", "stats", lambda: {"state": next(state), "user_count": 3})
    extend(app, arguments, desk)
    return app.test_client()


def test_the_tab_is_announced_as_locust_documents_it(client: FlaskClient, arguments: dict[str, Any]) -> None:
    """By template arguments; the page gets one style sheet and one script, which are there."""
    page = client.get("/", headers=OWN).text

    assert arguments["extended_tabs"] == [{"title": "Processes", "key": "processes"}]
    assert page.count("./lab/processes.js") == page.count("./lab/processes.css") == 1
    for name in ("processes.js", "processes.css"):
        with client.get(f"/lab/{name}", headers=OWN) as asset:
            assert asset.data == (ASSETS / name).read_bytes()
    assert client.get("/lab/other.js", headers=OWN).status_code == 404


def test_the_page_loads_nothing_from_elsewhere() -> None:
    """No address of another host in what is served, but for the name of the SVG namespace."""
    for path in (ASSETS / "processes.js", ASSETS / "processes.css"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text, path


def test_the_page_is_told_what_is_new(client: FlaskClient) -> None:
    """After the number that it names; a number that is none is 0."""
    assert client.get("/lab/live?since=7", headers=OWN).json == {"arm": "workers", "points": [7]}
    assert client.get("/lab/live?since=x", headers=OWN).json == {"arm": "workers", "points": [0]}


def test_the_rows_of_the_sampler_can_be_downloaded(client: FlaskClient, desk: Desk, tmp_path: Path) -> None:
    """While an arm is up."""
    assert client.get("/lab/processes.csv", headers=OWN).status_code == 404
    desk.file = tmp_path / "processes.csv"
    desk.file.write_text("t_s,pid\n")

    with client.get("/lab/processes.csv", headers=OWN) as answer:
        assert answer.data == b"t_s,pid\n"
        assert "attachment" in answer.headers["Content-Disposition"]


def test_an_arm_is_asked_for_by_name(client: FlaskClient, desk: Desk) -> None:
    """A refusal is a sentence."""
    assert client.post("/lab/switch", json={"arm": "replicas"}, headers=OWN).status_code == 202
    refused = client.post("/lab/switch", json={"arm": "x"}, headers=OWN)
    assert (refused.status_code, refused.json) == (409, {"message": "There is no such arm."})
    for nonsense in ("[1]", "{", ""):
        answer = client.post("/lab/switch", data=nonsense, content_type="application/json", headers=OWN)
        assert answer.status_code == 409
    assert client.post("/lab/end", headers=OWN).status_code == 202
    assert desk.asked == ["switch replicas", "switch x", "switch ", "switch ", "switch ", "end"]


@pytest.mark.parametrize(
    ("host", "origin", "foreign"),
    [
        ("127.0.0.1:8089", None, False),
        ("127.0.0.1:8089", "http://127.0.0.1:8089", False),
        ("localhost:9000", "http://localhost:9000", False),
        ("127.0.0.1:8089", "http://127.0.0.1:9999", True),
        ("127.0.0.1:8089", "http://evil.example", True),
        ("127.0.0.1:8089", "null", True),
        ("evil.example:8089", None, True),
        ("127.0.0.1.evil.example:8089", "http://127.0.0.1.evil.example:8089", True),
        ("", None, True),
    ],
)
def test_who_comes_from_another_site(host: str, origin: str | None, foreign: bool) -> None:
    """Another origin, and also a foreign name that was made to resolve to this machine."""
    assert stranger(host, origin) is foreign


def test_something_is_done_to_the_arm_by_its_verb(client: FlaskClient, desk: Desk) -> None:
    """A refusal is a sentence here too."""
    assert client.post("/lab/act", json={"verb": "kill"}, headers=OWN).status_code == 202
    refused = client.post("/lab/act", json={"verb": "x"}, headers=OWN)
    assert (refused.status_code, refused.json) == (409, {"message": "Nothing of the kind."})
    assert client.post("/lab/act", data="[1]", content_type="application/json", headers=OWN).status_code == 409
    assert desk.asked == ["act kill", "act x", "act "]


@pytest.mark.parametrize("path", ["/lab/switch", "/lab/act", "/lab/end", "/swarm"])
def test_other_sites_order_nothing(client: FlaskClient, desk: Desk, path: str) -> None:
    """Not of ours and not of Locust's own, which answers anybody."""
    assert client.post(path, json={"arm": "replicas"}, headers=EVIL).status_code == 403
    assert desk.asked == []


def test_a_test_starts_only_when_an_arm_is_up(client: FlaskClient, desk: Desk) -> None:
    """Locust's form shows the sentence."""
    assert client.post("/swarm", data={"user_count": "1"}, headers=OWN).json == {"success": True}
    desk.in_the_way = "The arm replicas is not up yet."

    answer = client.post("/swarm", data={"user_count": "1"}, headers=OWN).json

    assert answer == {"success": False, "message": desk.in_the_way, "host": desk.base_url}


def test_the_page_is_not_told_of_the_clean_up(client: FlaskClient) -> None:
    """It would stop asking, and show neither Stop nor New, when a switch of arms stops the users."""
    told = [client.get("/stats/requests", headers=OWN).json for _ in range(3)]

    assert told == [{"state": state, "user_count": 3} for state in ("running", "running", "stopped")]


def test_load_goes_to_the_arm_only(client: FlaskClient, desk: Desk) -> None:
    """The form's host cannot be another one; a slash at its end is no difference."""
    assert client.post("/swarm", data={"host": f"{desk.base_url}/"}, headers=OWN).json == {"success": True}

    answer = client.post("/swarm", data={"host": "http://shop.example"}, headers=OWN).json

    assert answer is not None
    assert answer["success"] is False
    assert desk.base_url in answer["message"]

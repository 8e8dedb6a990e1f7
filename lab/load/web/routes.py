"""Add to Locust's web UI, by its documented ways: a tab, a blueprint, a hook on Flask's responses.

The tab's title and the extra download are template arguments of the UI. Its tables cannot draw lines, and its chart
library cannot be reached from outside its bundle, so the tab's content is drawn by ``web/processes.js``, which the
page gets with one script element.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from flask import Blueprint, Flask, Response, jsonify, make_response, request, send_file, send_from_directory

ASSETS = Path(__file__).parent
TAB = {"title": "Processes", "key": "processes"}
DOWNLOAD = {"title": "Download processes CSV", "href": "./lab/processes.csv"}
ELEMENTS = '<link rel="stylesheet" href="./lab/processes.css"><script type="module" src="./lab/processes.js"></script>'
CLEANUP, STOPPING, RUNNING = "cleanup", "stopping", "running"  # states of Locust's runner, as its statistics tell them
LOOPBACK = ("127.0.0.1", "localhost")
FORBIDDEN, CONFLICT, ACCEPTED, NOT_FOUND = 403, 409, 202, 404


class Desk(Protocol):
    """The object that answers the page."""

    base_url: str

    def live(self, since: int) -> Mapping[str, Any]:
        """Arm, state, and every point after number ``since``."""

    def readings(self) -> Path | None:
        """The sampler's rows of the arm that is up."""

    def obstacle(self) -> str:
        """Tell why no test can be started now; empty when one can."""

    def switch(self, arm: str) -> str:
        """Ask for another arm; a sentence when that cannot be."""

    def act(self, verb: str) -> str:
        """Ask for something to be done to the arm that is up; a sentence when that cannot be."""

    def end(self) -> None:
        """Ask for the end of the session."""


def extend(app: Flask, template_args: dict[str, Any], desk: Desk) -> None:
    """Add the tab and its routes to Locust's Flask app, before that accepts requests."""
    template_args["extended_tabs"] = [TAB]
    template_args["extended_csv_files"] = [DOWNLOAD]
    app.register_blueprint(_blueprint(desk))

    @app.before_request
    def guard() -> Response | None:
        if stranger(request.host, request.headers.get("Origin")):
            return make_response("This page belongs to the lab on 127.0.0.1: ask from there.", FORBIDDEN)
        if request.method == "POST" and request.path == "/swarm" and (sentence := _unstartable(desk)):
            return jsonify({"success": False, "message": sentence, "host": desk.base_url})
        return None

    @app.after_request
    def add_elements(response: Response) -> Response:
        if request.path == "/" and response.mimetype == "text/html":
            response.set_data(response.get_data(as_text=True).replace("</body>", f"{ELEMENTS}</body>"))
        return response

    @app.after_request
    def hide_clean_up(response: Response) -> Response:
        """Locust's page asks again only while users run: told of the clean-up it would never learn of its end."""
        stats = response.get_json(silent=True) if request.path == "/stats/requests" else None
        if stats and stats.get("state") in (CLEANUP, STOPPING):
            response.set_data(json.dumps(stats | {"state": RUNNING}))
        return response


def stranger(host: str, origin: str | None) -> bool:
    """Does a request come from another site? Browsers name the page's origin; Locust itself would answer anybody.

    ``host`` must be a loopback name, so that no foreign name which resolves to this machine passes for it.
    """
    if host.partition(":")[0] not in LOOPBACK:
        return True
    return origin is not None and origin != f"http://{host}"


def _unstartable(desk: Desk) -> str:
    wanted = request.form.get("host", "").rstrip("/")
    if wanted and wanted != desk.base_url:
        return f"The lab sends requests to the arm only: leave the host at {desk.base_url}."
    return desk.obstacle()


def _blueprint(desk: Desk) -> Blueprint:
    blueprint = Blueprint("lab", __name__, url_prefix="/lab")

    @blueprint.get("/live")
    def live() -> Response:
        return jsonify(desk.live(request.args.get("since", 0, type=int)))

    @blueprint.get("/processes.csv")
    def processes_csv() -> Response:
        path = desk.readings()
        if path is None or not path.is_file():
            return make_response("No arm is up.", NOT_FOUND)
        return send_file(path, mimetype="text/csv", as_attachment=True, max_age=0)

    @blueprint.get("/<any('processes.js', 'processes.css'):name>")
    def asset(name: str) -> Response:
        return send_from_directory(ASSETS, name, max_age=0)

    @blueprint.post("/switch")
    def switch() -> Response:
        return _answer(desk.switch(_asked("arm")))

    @blueprint.post("/act")
    def act() -> Response:
        return _answer(desk.act(_asked("verb")))

    @blueprint.post("/end")
    def end() -> Response:
        desk.end()
        return make_response(jsonify({"message": ""}), ACCEPTED)

    return blueprint


def _asked(key: str) -> str:
    """One word of a question, "" where there is none."""
    question = request.get_json(silent=True)
    return str(question.get(key, "")) if isinstance(question, dict) else ""


def _answer(sentence: str) -> Response:
    return make_response(jsonify({"message": sentence}), CONFLICT if sentence else ACCEPTED)

"""From an address to a page: what there is to see, and what is refused."""

import os
import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

from lab.errors import LabError
from lab.report.files import PAGE, POINTS
from lab.report.renderers.html_page import policy_in
from lab.report.renderers.served_pages import (
    REPORT,
    TREND,
    Asked,
    render_message,
    render_runs,
    render_trend,
    report_address,
    served_policy,
)
from lab.serve.runs import Runs

MAX_FIELDS = 20
PLACE = re.compile(rf"(?P<name>[^/]+)(?:/{POINTS}/(?P<point>[^/]+))?(?:/(?P<page>{re.escape(PAGE)})?)?")
SANDBOX = "frame-ancestors 'none'; sandbox allow-scripts allow-downloads"  # a report may not read this site


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A page with its Content-Security-Policy; ``location``: where it is instead."""

    status: HTTPStatus = HTTPStatus.OK
    body: bytes
    policy: str
    location: str = ""


def reply_to(runs: Runs, target: str) -> Reply:
    """The page at an address: its path and query."""
    try:
        address = urlsplit(target)
        query = parse_qs(address.query, max_num_fields=MAX_FIELDS)
    except ValueError:
        return refused(HTTPStatus.BAD_REQUEST, "The address cannot be read.")
    asked = {key: values[0] for key, values in query.items()}
    folder = str(runs.folder)
    if address.path == "/":
        narrow = Asked(**{key: asked.get(key, "") for key in ("text", "scenario", "validity")})
        return _page(render_runs(folder, runs.entries(), narrow))
    if address.path == TREND:
        return _page(render_trend(folder, runs.entries(), asked.get("scenario", ""), asked.get("metric", "")))
    if address.path.startswith(REPORT):
        return _report(runs, address.path.removeprefix(REPORT))
    return refused(HTTPStatus.NOT_FOUND, "There is no such page.")


def refused(status: HTTPStatus, sentence: str) -> Reply:
    """A page that says why there is none, and nothing of the runs: anybody may be asking."""
    return _page(render_message(status.phrase, sentence), status)


def _unquoted(text: str) -> str:
    return os.fsdecode(unquote_to_bytes(text))


def _report(runs: Runs, place: str) -> Reply:
    """The page at ``NAME/report.html`` or ``NAME/points/POINT/report.html``; without the file, the way there."""
    found = PLACE.fullmatch(place)
    if found is None:
        return refused(HTTPStatus.NOT_FOUND, "There is no such page.")
    name, point = _unquoted(found["name"]), _unquoted(found["point"] or "")
    try:
        page = runs.page(name, point)
    except LabError as error:
        return refused(HTTPStatus.NOT_FOUND, f"{error}. {error.hint}.")
    if page is None:
        return refused(HTTPStatus.NOT_FOUND, "There is no such run, or it has no report yet.")
    policy = policy_in(page)
    if not policy:
        return refused(HTTPStatus.NOT_FOUND, "This report is not as the lab writes one: lab report RUN draws it anew.")
    if not found["page"]:
        return _page("", HTTPStatus.PERMANENT_REDIRECT, report_address(name, point))
    return Reply(body=page, policy=f"{policy}; {SANDBOX}")


def _page(text: str, status: HTTPStatus = HTTPStatus.OK, location: str = "") -> Reply:
    return Reply(status=status, body=text.encode(errors="replace"), policy=served_policy(), location=location)

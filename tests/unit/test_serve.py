"""`lab serve` through a socket: all runs of a folder to be read, by this machine, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import shlex
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from threading import Thread
from urllib.parse import quote, urlencode, urljoin

import pytest

from lab.analysis.points import judge_points
from lab.cli.serve import serve
from lab.errors import MissingError, UsageError
from lab.record.bundle import write_bundle
from lab.report.build import write_reports
from lab.report.sections.overview import Entry
from lab.serve import runs as runs_module
from lab.serve.runs import Runs, read_entry
from lab.serve.server import Server
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario, make_summaries
from tests.run_folders import told_as
from tests.served_runs import CUT, FIRST, MOVED, OTHER, REBUILT, SECOND, SPOILED, finished, serve_folder

ALL = {FIRST, SECOND, MOVED, REBUILT, SPOILED, CUT, OTHER}
MARKER = "the-secret-of-another-folder"


@dataclass(frozen=True)
class Site:
    """A server that runs in a thread, and its folder."""

    folder: Path
    port: int

    def ask(self, target: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
        """Status, headers and text of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, target, headers={name.title(): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def raw(self, request: bytes) -> str:
        """What comes back for bytes that need not be HTTP."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()

    def listed(self, **asked: str) -> set[str]:
        """The runs that the list links to."""
        return set(re.findall(r'href="/run/([^"]+)/report\.html"', self.ask(f"/?{urlencode(asked)}")[2]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs, and beside them what is none of them."""
    root = tmp_path_factory.mktemp("served")
    (root / "outside").mkdir()
    told_as(finished(), root / "outside", "linked", told={"question": MARKER})
    (root / "outside" / "linked" / "report.html").write_text(MARKER)
    return serve_folder(root / "runs")


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    """The folder, served on a free port."""
    with Server(folder, 0) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield Site(folder, server.server_port)
        server.shutdown()
        thread.join()


def test_the_list_tells_of_every_run(site: Site) -> None:
    """The newest first, with result, validity and machine in words; without a script, with a strict policy."""
    status, headers, page = site.ask("/")

    assert status == 200
    assert site.listed() == ALL
    assert page.index(OTHER) < page.index(CUT) < page.index(FIRST)
    for words in ("2026-11-01 00:00", "No answer: this run is not valid.", "Cut: interrupted during", "fuse-overlayfs"):
        assert words in page
    assert "2/2 blocks" in page
    assert "<script" not in page
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    assert base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() in policy
    assert not re.search(r'(?:src|href)="(?!/|data:|#)', page), "nothing comes from elsewhere"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"text": "FUSE-overlayfs"}, {MOVED, REBUILT, SPOILED}),
        ({"text": "churn workers"}, {OTHER}),
        ({"text": "nothing like that"}, set()),
        ({"scenario": "churn"}, {OTHER}),
        ({"validity": "not valid"}, {SPOILED}),
        ({"validity": "unfinished"}, {CUT}),
        ({"validity": "valid", "scenario": "quickstart", "text": "overlay2"}, {FIRST, SECOND}),
    ],
)
def test_the_list_is_filtered(site: Site, asked: dict[str, str], found: set[str]) -> None:
    """By text, scenario and validity together."""
    assert site.listed(**asked) == found


def test_a_report_is_served_as_it_is(site: Site) -> None:
    """Byte for byte, with the policy that it states itself, and apart from the pages of this site."""
    page = (site.folder / FIRST / "report.html").read_text(encoding="utf-8")
    status, headers, served = site.ask(f"/run/{FIRST}/report.html")
    stated = re.search(r'Content-Security-Policy" content="([^"]+)"', page)

    assert (status, served) == (200, page)
    assert stated
    assert headers["Content-Security-Policy"].startswith(f"{unescape(stated[1])}; frame-ancestors 'none'; sandbox")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_trend_names_what_changed(site: Site) -> None:
    """Figure and table; forms keep what was chosen; the first judged metric of the newest run is shown unasked."""
    _, _, page = site.ask("/trend?scenario=quickstart&metric=p50")
    assert "<svg" in page
    assert "storage driver: overlay2 → fuse-overlayfs" in page
    assert '<option value="p50" selected>' in page
    assert f"/run/{CUT}" not in page, "a run that was cut has no result"
    assert '<option value="churn" selected>' in site.ask("/trend")[2]
    assert "No finished run of this scenario" in site.ask("/trend?scenario=nope")[2]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_nothing_can_be_written(site: Site, method: str) -> None:
    """Two methods read; all others are refused."""
    status, headers, page = site.ask("/", method)

    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert "not changed" in page


def test_head_is_a_page_without_its_text(site: Site) -> None:
    """For programs that look first."""
    status, headers, text = site.ask("/", "HEAD")

    assert (status, text) == (200, "")
    assert int(headers["Content-Length"]) > 1000


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost:1", "[::1]:{port}", ""]
)
def test_another_host_is_refused(site: Site, host: str) -> None:
    """A name that somebody else lets point here reads nothing, not even where the folder is."""
    status, _, page = site.ask("/", host=host.format(port=site.port))

    assert status == 421
    assert FIRST not in page
    assert str(site.folder) not in page


def test_localhost_is_this_machine_too(site: Site) -> None:
    """But two hosts in one request, or none, are nobody."""
    assert site.ask("/", host=f"localhost:{site.port}")[0] == 200
    both = f"Host: localhost:{site.port}\r\n" * 2
    assert " 421 " in site.raw(f"GET / HTTP/1.1\r\n{both}\r\n".encode())
    assert " 421 " in site.raw(b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "target",
    [
        "/run/../../outside/linked",
        "/run/%2e%2e%2foutside%2flinked",
        "/run/..%2Foutside%2Flinked",
        f"/run/{FIRST}/../../../outside/linked/report.html",
        f"/run/{FIRST}%2Frun.json",
        "/run/linked",
        "/run/file",
        "/run/",
        "/run/%00",
        "/run/%ff%fe",
        "/etc/passwd",
        "//etc/passwd",
        "/../../etc/passwd",
        "http://127.0.0.1/run/linked",
        pytest.param("/" + "x" * 70_000, id="long"),
        pytest.param("/?" + "a=1&" * 100, id="many fields"),
        "/[",
    ],
)
def test_nothing_outside_the_folder_is_read(site: Site, target: str) -> None:
    """Whatever stands in an address: names of runs are looked up, and links are none."""
    link, file = site.folder / "linked", site.folder / "file"
    link.symlink_to(site.folder.parent / "outside" / "linked")
    told_as(finished(), site.folder, "file")
    (file / "report.html").unlink()
    (file / "report.html").symlink_to(site.folder.parent / "outside" / "linked" / "report.html")
    try:
        answer = site.raw(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n\r\n".encode())
        assert "linked" not in site.listed()
    finally:
        link.unlink()
        shutil.rmtree(file)

    assert re.match(r"HTTP/1\.0 (400|404|414) ", answer)
    assert MARKER not in answer
    assert "root:x:" not in answer


@pytest.mark.parametrize("request_", [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n"])
def test_what_is_no_request_ends_nothing(site: Site, request_: bytes) -> None:
    """The next one is answered."""
    site.raw(request_)
    assert site.ask("/")[0] == 200


def test_a_report_that_the_lab_did_not_write_is_not_served(site: Site) -> None:
    """A page with another policy, or none, could be anything."""
    path = told_as(finished(), site.folder, "planted")
    loose = "default-src 'none'; script-src 'unsafe-inline'"
    try:
        for page in ("<script>alert(1)</script>", f'<meta http-equiv="Content-Security-Policy" content="{loose}">'):
            (path / "report.html").write_text(page)
            status, _, text = site.ask("/run/planted")
            assert status == 404
            assert "lab report RUN draws it anew" in text
    finally:
        shutil.rmtree(path)


def test_a_run_without_a_report_is_named_by_its_folder(site: Site) -> None:
    """The command that draws it can be pasted where `lab serve` was typed, and the runs are not in ./runs."""
    path = told_as(finished(), site.folder, "bare one")
    (path / "report.html").unlink()
    (path / "comparison.json").unlink()
    try:
        assert f"<code>lab report {shlex.quote(str(path))}</code>" in unescape(site.ask("/")[2])
    finally:
        shutil.rmtree(path)


def test_names_and_texts_from_outside_are_only_text(site: Site) -> None:
    """In the list, in addresses and in choices."""
    name = '"><script>alert(1)<'
    path = told_as(finished(), site.folder, name, scenario_name='x" onload="y', cut="<b>cut</b>")
    try:
        page = site.ask("/")[2]
        assert "<script" not in page
        assert 'onload="y' not in page
        assert "&lt;b&gt;cut" in page
        assert site.ask(f"/run/{quote(name)}/report.html")[0] == 200
    finally:
        shutil.rmtree(path)


def test_bundles_are_runs_and_damage_is_told(site: Site) -> None:
    """A bundle is listed and its report served; what cannot be read says why."""
    bundle, broken, newer = (site.folder / name for name in ("sent.zip", "broken.zip", "newer"))
    write_bundle(finished(), bundle, {})
    broken.write_text("no zip")
    newer.mkdir()
    (newer / "run.json").write_text('{"schema_version": 99}')
    try:
        assert site.listed(text="sent.zip") == {"sent.zip"}
        assert site.ask("/run/sent.zip/report.html")[2] == (finished() / "report.html").read_text()
        page = site.ask("/?validity=unreadable")[2]
        assert "no readable bundle" in page
        assert "schema version 99" in page
    finally:
        shutil.rmtree(newer)
        bundle.unlink()
        broken.unlink()


def test_the_reports_of_points_are_served(site: Site) -> None:
    """Each from the list; a point that the run has not, or that leads elsewhere, is none."""
    whole = json.loads((finished() / "comparison.json").read_text())
    path = told_as(finished(), site.folder, "several", told={"points": {"n1": whole, "../..": whole, "n2": whole}})
    (path / "comparison.json").write_text(json.dumps({"points": {"n1": whole, "../..": whole, "n2": whole}}))
    (path / "points" / "n1").mkdir(parents=True)
    shutil.copyfile(path / "report.html", path / "points" / "n1" / "report.html")
    (path / "points" / "n2").symlink_to(site.folder.parent / "outside" / "linked")
    try:
        assert {"several", "several/points/n1", "several/points/n2"} <= site.listed(text="several")
        assert site.ask("/run/several/points/n1/report.html")[2] == (path / "report.html").read_text()
        for point in ("n2", "n3", "..%2F..", "%2e%2e", "n1/x"):
            status, _, text = site.ask(f"/run/several/points/{point}/report.html")
            assert (status, MARKER in text) == (404, False)
    finally:
        shutil.rmtree(path)


def test_links_between_the_reports_of_a_run_hold(site: Site) -> None:
    """In the folder, and where it is served: from the page over all points to each, and back.

    A report has one address, that of its file in the run folder; shorter ones lead to it.
    """
    given = make_scenario((WORKERS, REPLICAS), sweep={"processes": [1, 2]}, trials={"blocks": 1, "seed": 7})
    run = make_run(given)
    path = told_as(finished(), site.folder, run.run_id)
    write_reports(path, run, judge_points(run, make_summaries(given)))
    try:
        for page in ("report.html", "points/n1/report.html", "points/n2/report.html"):
            links = re.findall(r'href="([^"#:]+)"', (path / page).read_text())
            assert len(links) == (2 if page == "report.html" else 1)
            for link in links:
                there = (path / page).parent / link
                served = site.ask(urljoin(f"/run/{run.run_id}/{page}", link))
                assert (served[0], served[2]) == (200, there.read_text())
        for short in (f"/run/{run.run_id}", f"/run/{run.run_id}/points/n1"):
            for asked in (short, f"{short}/"):
                status, headers, _ = site.ask(asked)
                assert (status, headers["Location"]) == (308, f"{short}/report.html")
        assert "(points/n1/report.md)" in (path / "report.md").read_text()
    finally:
        shutil.rmtree(path)


def test_serving_writes_nothing(site: Site) -> None:
    """Not a byte, not a date."""

    def state() -> set[tuple[str, int, int]]:
        return {(str(path), path.lstat().st_mtime_ns, path.lstat().st_size) for path in site.folder.rglob("*")}

    before = state()
    for target in ("/", "/trend", f"/run/{FIRST}", "/nope"):
        site.ask(target)
    assert state() == before


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 300 runs; one that is gone is gone, one that is new is there."""
    source = told_as(finished(), tmp_path, "000")
    (source / "report.html").write_text("")
    for number in range(1, 300):
        shutil.copytree(source, tmp_path / f"{number:03}")
    read: list[str] = []

    def noted(path: Path) -> Entry:
        read.append(path.name)
        return read_entry(path)

    monkeypatch.setattr(runs_module, "read_entry", noted)
    runs = Runs(tmp_path)

    assert len(runs.entries()) == len(read) == 300
    read.clear()
    assert len(runs.entries()) == 300
    assert read == []
    (tmp_path / "007" / "comparison.json").unlink()
    shutil.rmtree(tmp_path / "008")
    shutil.copytree(source, tmp_path / "300")
    assert {entry.name for entry in runs.entries()} == {f"{number:03}" for number in range(301)} - {"008"}
    assert sorted(read) == ["007", "300"]


def test_a_port_that_is_taken_is_a_sentence(site: Site, tmp_path: Path) -> None:
    """Exit code 4, as for everything that is missing; and a folder that is none is exit code 2."""
    with pytest.raises(MissingError, match=f"port {site.port} of 127.0.0.1: another program has it") as caught:
        Server(tmp_path, site.port)
    assert "--port" in caught.value.hint
    with pytest.raises(UsageError, match="no folder"):
        serve(tmp_path / "none")


def test_a_folder_without_runs_says_how_to_make_one(tmp_path: Path) -> None:
    """Also one that is gone, and one in which a folder is somebody else's."""
    (tmp_path / "locked").mkdir(mode=0)
    os.chmod(tmp_path / "locked", 0)  # noqa: PTH101  whatever the umask
    assert Runs(tmp_path).entries() == []
    assert Runs(tmp_path / "gone").entries() == []

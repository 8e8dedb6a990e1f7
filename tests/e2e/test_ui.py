"""`lab ui` as a person uses it: Locust's page with the Processes tab, another arm under it, a session that is kept."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import psutil
import pytest
from docker.models.containers import Container
from playwright.sync_api import Browser, Dialog, Page, expect

from lab.host.labels import RUN, SERVICE
from lab.plan.topology import SCRATCH
from tests.e2e.conftest import LAB, OF_ITS_OWN_IMAGE, PAGE_MS, REPOSITORY, edit, lab, left, left_of_ours, of_ours
from tests.e2e.layout import every_shape, faults, show_as
from tests.integration.conftest import LEAVES
from tests.launched import launched
from tests.waiting import until

pytestmark = OF_ITS_OWN_IMAGE

ARTEFACTS = REPOSITORY / "artifacts"
DEADLINE_S = 120.0
# An app that starts when it is told: a page is looked at while an arm is being deployed, however long that takes.
OPEN = f"{SCRATCH}/open"
SERVE = "uvicorn app.main:app --host {host} --port {port} --workers {workers} --no-access-log"
WAITS = f"""[app]
ready_timeout = "240s"
command = '''sh -c "until [ -e {OPEN} ]; do sleep 0.1; done; exec {SERVE}"'''
"""
REPLICAS = """[[arms]]
name = "replicas"
model = "replicas"
front = "nginx"
[load]"""


@pytest.fixture
def arms(scenario: Path) -> Path:
    """A scenario with two arms of two processes each."""
    edit(scenario, "processes = 1", "processes = 2")
    return edit(scenario, "[load]", REPLICAS)


@pytest.fixture
def waiting_arms(arms: Path) -> Path:
    """The same; their app waits for ``let_start``."""
    return edit(arms, "[app]\n", WAITS)


def let_start(client: docker.DockerClient, services: set[str]) -> None:
    """Tell the app in these containers, which are all of an arm, as soon as they run."""
    found = until(lambda: _running(client, services), f"{services} run")
    assert [each.exec_run(["touch", OPEN]).exit_code for each in found] == [0] * len(services)


def _running(client: docker.DockerClient, services: set[str]) -> list[Container]:
    """The containers, once all of them run."""
    containers = client.containers.list(filters={"label": RUN}, ignore_removed=True)
    found = [each for each in containers if of_ours(each.labels[RUN]) and each.labels[SERVICE] in services]
    return found if len(found) == len(services) else []


@contextmanager
def session(scenario: Path, out: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running `lab ui` and the address of its page, which it prints first."""
    command = [*LAB, "ui", str(scenario), "--out", str(out)]
    with launched(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            pytest.fail(process.communicate(timeout=DEADLINE_S)[1])
        yield process, url


def open_page(browser: Browser, url: str, console: list[str]) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PAGE_MS)
    page.on("console", lambda message: console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: console.append(f"error: {error}"))
    page.on("request", lambda request: console.append(request.url) if not request.url.startswith(url) else None)
    page.goto(url)
    return page


def wait_for_arm(page: Page, arm: str) -> None:
    expect(page.locator("#lab .arm")).to_have_text(arm, timeout=DEADLINE_S * 1000)
    expect(page.locator("#lab .state")).to_have_text(re.compile("up$|gone"), timeout=DEADLINE_S * 1000)
    assert page.inner_text("#lab .state") == "is up", page.inner_text("#lab")


def start_load(page: Page) -> None:
    page.fill("input[name=userCount]", "4")
    page.fill("input[name=spawnRate]", "4")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("tab", name="Processes").click()


def watch_the_tab(page: Page, roles: set[str]) -> None:
    """Every role is in the table, the figures move, requests are shared, both charts have a line for each process."""
    expect(page.locator("#lab .share")).to_have_count(2)
    page.wait_for_function(
        "before => document.querySelector('#lab tbody').innerText !== before", arg=page.inner_text("#lab tbody")
    )
    assert set(page.locator("#lab tbody tr td:first-child").all_inner_texts()) == roles
    shares = [float(text.strip(" %")) for text in page.locator("#lab .share > span").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    sums = page.locator("#lab tfoot tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
    )
    *by_role, total = [(row[0], float(row[2].removesuffix(" MiB"))) for row in sums]
    assert {counted.split(" × ")[1] for counted, _ in by_role} == roles
    assert total[0] == f"sum of {page.locator('#lab tbody tr').count()} processes"
    assert total[1] == pytest.approx(sum(memory for _, memory in by_role), abs=0.3)
    assert page.locator("#lab .chart").count() == 2
    for chart in page.locator("#lab .chart").all():
        assert chart.locator("polyline").count() >= len(page.locator("#lab tbody tr").all())


def kill_one(page: Page) -> None:
    """The menu has what this arm can do; after one question it is done, told of and drawn, and the arm goes on."""
    menu = page.locator("#lab select").nth(1)
    expect(menu.locator("option[value=kill]")).to_have_count(1)
    offered = menu.locator("option").evaluate_all("options => options.map(({ value }) => value)")
    assert {"kill", "hang", "roll", "kill-supervisor", "stop"} < set(offered)
    assert not {"kill-front", "oom"} & set(offered)
    pids = page.locator("#lab tbody").first.locator("tr", has_text="worker").locator("td:nth-child(2)")
    before = pids.all_inner_texts()
    page.once("dialog", lambda dialog: dialog.dismiss())
    menu.select_option("kill")
    expect(menu).to_have_value("")
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.once("dialog", agree)
    menu.select_option("kill")
    expect(page.locator("#lab .acts tr")).to_have_count(2, timeout=DEADLINE_S * 1000)  # killed, and over
    assert asked == ["workers: one serving process is killed. Do it now?"]
    expect(page.locator("#lab .acts")).to_contain_text("killed (SIGKILL)")
    expect(page.locator("#lab svg .act")).to_have_count(4)  # of both charts
    expect(pids).not_to_have_text(before)
    expect(pids).to_have_count(2, timeout=DEADLINE_S * 1000)  # another has come
    expect(page.locator("#lab polyline[stroke^='hsl(0 ']")).to_have_count(2)  # grey is the helper alone, in both charts
    expect(page.locator("#lab .state")).to_have_text("is up")


def fits(page: Page) -> None:
    """The lab's part of the page at every width; the rest is Locust's."""
    for medium, width in every_shape(page):
        assert faults(page, "#lab") == [], (medium, width)
    show_as(page, "light", 1280)


def refused_and_forgiven(page: Page, client: docker.DockerClient) -> None:
    """START waits for the arm; what Locust says of a start that was sent too early goes when the arm is up."""
    start = page.get_by_role("button", name="Start")
    expect(page.locator("#lab .state")).to_have_text("is being deployed")
    expect(start).to_be_disabled()
    start.evaluate("button => { button.disabled = false; button.click(); }")
    expect(page.get_by_text("is not up yet")).to_be_visible()
    let_start(client, {"app"})
    wait_for_arm(page, "workers")
    expect(page.get_by_text("is not up yet")).to_be_hidden()
    expect(start).to_be_enabled()


def test_two_arms_under_one_page(
    waiting_arms: Path, tmp_path: Path, browser: Browser, client: docker.DockerClient
) -> None:
    """No console error, a tab that moves, a switch of arms, Locust's own features, and a session that is kept."""
    out, console = tmp_path / "runs", list[str]()
    ARTEFACTS.mkdir(exist_ok=True)
    with session(waiting_arms, out) as (process, url):
        children = psutil.Process(process.pid).children(recursive=True)
        page = open_page(browser, url, console)
        refused_and_forgiven(page, client)
        start_load(page)
        watch_the_tab(page, {"supervisor", "helper", "worker"})
        kill_one(page)
        fits(page)
        page.screenshot(path=ARTEFACTS / "ui-processes.png")

        page.locator("#lab select").first.select_option("replicas")
        page.get_by_role("button", name="Switch to replicas").click()
        expect(page.locator("#lab .state")).to_have_text("is being deployed")
        let_start(client, {"app-1", "app-2"})
        wait_for_arm(page, "replicas")
        page.get_by_role("button", name="New").click()
        start_load(page)
        watch_the_tab(page, {"proxy", "worker"})
        fits(page)
        expect(page.locator("#lab svg .switch")).to_have_count(2)
        page.screenshot(path=ARTEFACTS / "ui-other-arm.png")

        page.get_by_role("button", name="Stop").click()
        page.get_by_role("tab", name="Charts").click()
        expect(page.locator("main canvas").first).to_be_visible()
        page.screenshot(path=ARTEFACTS / "ui-charts.png")
        assert page.request.get(f"{url}/stats/report?download=1").text().endswith("</html>")
        assert console == []
        page.close()
        process.send_signal(signal.SIGINT)
        told, err = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert left_of_ours(client) == []
    assert psutil.wait_procs(children, timeout=DEADLINE_S)[1] == []
    (folder,) = out.iterdir()
    assert told.endswith(f"session kept: {folder / 'report.html'}\n")
    told = lab("report", folder).out
    assert "Exploratory session" in told
    glossary = re.compile(r"^\| verdict \| .*$", re.MULTILINE)  # says what the words mean, of no run
    pages = glossary.sub("", (folder / "report.md").read_text()), told
    assert not any(re.search(r"→|\b(better|worse|equivalent|inconclusive)\b", text) for text in pages)
    assert f"{folder}  2 done  exploratory, by hand: " in lab("list", "--out", out).out


@LEAVES
@pytest.mark.usefixtures("nothing_left")
def test_what_sigkill_left_is_removed_by_clean(arms: Path, tmp_path: Path, client: docker.DockerClient) -> None:
    """Locust and sampler end by themselves; the containers are found by their label."""
    with session(arms, tmp_path / "runs") as (process, _):
        assert process.stderr is not None
        assert any("workers: up" in line for line in process.stderr)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate(timeout=DEADLINE_S)

    _, alive = psutil.wait_procs(children, timeout=DEADLINE_S)
    assert alive == []
    assert len(left(client)) == 1
    assert lab("clean").code == 0
    assert left(client) == []


def test_a_broken_locustfile_is_a_sentence(arms: Path, tmp_path: Path) -> None:
    """Before any arm is deployed."""
    (tmp_path / "broken.py").write_text("import nonsense_of_mine\n")
    edit(arms, f"{REPOSITORY}/locustfiles/json_api.py", "broken.py")
    outcome = lab("ui", arms, "--out", tmp_path / "runs")
    outcome.refused(2, "broken.py, line 1", "nonsense_of_mine")
    assert "deploying" not in outcome.err

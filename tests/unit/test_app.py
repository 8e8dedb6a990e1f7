"""The app under test: what it answers, what it costs, and that it is truthful about itself."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psutil
import pytest
import uvicorn
import uvloop
from fastapi.testclient import TestClient

from app import main
from app.process import MB, burn_cpu, make_ballast, process_name, started_s
from app.settings import STARTUP_FAILURE, Settings, read_settings

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture
def client() -> Iterator[TestClient]:
    """The app, started, with errors answered as a server would answer them."""
    with TestClient(main.app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/", {"Hello": "World"}),
        ("/items/5?q=somequery", {"item_id": 5, "q": "somequery"}),
        ("/items/5", {"item_id": 5, "q": None}),
        ("/io?ms=0", {"waited_ms": 0.0}),
        ("/cpu?ms=0.5", {"cpu_ms": 0.5}),
        ("/block?ms=0", {"blocked_ms": 0.0}),
        ("/block?ms=0&gil=true", {"blocked_ms": 0.0}),
        ("/hold?mb=2", {"held_mb": 2}),
        ("/ready", {"ready": True}),
    ],
)
def test_end_points_answer(client: TestClient, path: str, answer: object) -> None:
    """Every end point answers as documented."""
    assert client.get(path).json() == answer


@pytest.mark.parametrize("document", [{"a": [1, None]}, [1, 2], "text", 7, None])
def test_echo_returns_any_json(client: TestClient, document: object) -> None:
    """What is posted comes back, whatever kind of JSON it is."""
    answer = client.post("/echo", content=json.dumps(document), headers={"content-type": "application/json"})

    assert answer.json() == document


def test_docs_are_served(client: TestClient) -> None:
    """The interactive documentation is there, as in every FastAPI app."""
    assert "swagger-ui" in client.get("/docs").text


@pytest.mark.parametrize("path", ["/cpu", "/io", "/block"])
@pytest.mark.parametrize("ms", ["-1", "60001", "nan", "inf", "x"])
def test_costs_have_limits(client: TestClient, path: str, ms: str) -> None:
    """A request cannot ask for a negative, endless or senseless cost."""
    assert client.get(path, params={"ms": ms}).status_code == 422


@pytest.mark.parametrize("mb", ["-1", "1000001", "0.5", "x"])
def test_memory_has_limits(client: TestClient, mb: str) -> None:
    """A request cannot ask for a negative, endless or senseless amount."""
    assert client.get("/hold", params={"mb": mb}).status_code == 422


def test_every_response_says_who_served_it(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Successes, 404, 405, 422 and unhandled errors carry the name that /whoami gives, exactly once."""

    def fail() -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(main.app.router, "routes", [*main.app.router.routes])
    main.app.add_api_route("/fail", fail)
    name = client.get("/whoami").json()["process"]
    answers = [client.get(path) for path in ("/", "/nowhere", "/items/x", "/fail")] + [client.post("/")]

    assert [answer.status_code for answer in answers] == [200, 404, 422, 500, 405]
    assert [answer.headers.get_list("x-served-by") for answer in answers] == [[name]] * 5


def test_the_name_is_unique_to_the_process() -> None:
    """Same pid or not, two processes never share a name: every replica has pid 1."""
    script = "from app.process import process_name; print(process_name())"
    other = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert process_name() == process_name()
    assert process_name().split("-")[0] == str(os.getpid())
    assert other.stdout.strip().split("-")[1] != process_name().split("-")[1]


def test_start_time_is_the_one_the_host_sees() -> None:
    """pid and start time name a process inside and outside its container alike."""
    assert started_s() == pytest.approx(psutil.Process().create_time(), abs=0.02)


@pytest.mark.parametrize(("loop", "http"), [("uvloop", "httptools"), ("asyncio", "h11")])
def test_whoami_tells_the_loop_and_http_implementation_in_use(loop: str, http: str) -> None:
    """What /whoami says about the server is found out from the running server."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
        "uvloop": uvloop.new_event_loop,
        "asyncio": asyncio.new_event_loop,
    }
    with asyncio.Runner(loop_factory=factories[loop]) as runner:
        answer = runner.run(_ask_whoami(http))

    assert (answer["loop"]["name"], answer["http"]["name"]) == (loop, http)
    assert answer["pid"] == os.getpid()
    assert answer["versions"]["uvicorn"] == uvicorn.__version__
    assert answer["cpus"]["usable"] == len(os.sched_getaffinity(0))


async def _ask_whoami(http: str) -> dict[str, Any]:
    server = uvicorn.Server(uvicorn.Config(main.app, port=0, http=http, log_level="error"))
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not serving.done(), "the server ended before it had started"
            await asyncio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient() as client:
            answer: dict[str, Any] = (await client.get(f"http://127.0.0.1:{port}/whoami")).json()
            return answer
    finally:
        server.should_exit = True
        await serving


def test_cpu_is_burned_as_cpu_time() -> None:
    """20 ms of CPU cost 20 ms of this thread's CPU time, however busy the machine is."""
    spent_s = []
    for _ in range(5):  # a machine whose host has other work may count some of that
        before_s = time.thread_time()
        burn_cpu(20)
        spent_s.append(time.thread_time() - before_s)

    assert 0.020 <= min(spent_s) < 0.025


@pytest.mark.parametrize(("gil", "runs"), [("false", True), ("true", False)])
def test_a_block_lets_other_threads_run_unless_it_keeps_the_gil(client: TestClient, gil: str, *, runs: bool) -> None:
    """Such as the one that answers uvicorn's supervisor."""
    beats, over = list[float](), threading.Event()

    def beat() -> None:
        while not over.wait(0.01):
            beats.append(time.monotonic())

    thread = threading.Thread(target=beat)
    thread.start()
    began_s = time.monotonic()
    try:
        client.get(f"/block?ms=1500&gil={gil}")
    finally:
        ended_s = time.monotonic()
        over.set()
        thread.join()
    inside = [at for at in beats if began_s <= at <= ended_s]
    gaps = [later - earlier for earlier, later in pairwise([began_s, *inside, ended_s])]

    assert ended_s - began_s >= 1.5
    assert (max(gaps) < 1.2) is runs


def test_extra_cpu_is_burned_on_every_request(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXTRA_CPU_MS makes any request costlier, also one that fails."""
    monkeypatch.setattr(main, "SETTINGS", Settings(extra_cpu_ms=10.0))
    before_s = time.process_time()
    client.get("/ready")
    client.get("/nowhere")

    assert time.process_time() - before_s >= 0.020


def test_ballast_is_private_memory_that_nothing_can_shrink() -> None:
    """Ballast has its size to the byte, and neither a shared nor a compressible page."""
    ballast, other = make_ballast(2), make_ballast(1)

    assert sum(map(len, ballast)) == 2 * MB
    assert len(zlib.compress(ballast[0], 1)) > 0.99 * MB
    assert other[0] not in ballast


def test_ballast_is_held_while_serving(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start-up step makes the ballast before the first request, the shutdown lets it go."""
    monkeypatch.setattr(main, "SETTINGS", Settings(ballast_mb=3))
    with TestClient(main.app):
        assert len(main.app.state.ballast) == 3
    assert not hasattr(main.app.state, "ballast")


def test_settings_come_from_the_environment() -> None:
    """Every setting is the variable of its name; others are ignored."""
    environment = {"BALLAST_MB": "100", "STARTUP_MS": "1.5", "EXTRA_CPU_MS": "0.25", "PATH": "/bin"}

    assert read_settings(environment) == Settings(ballast_mb=100, startup_ms=1.5, extra_cpu_ms=0.25)
    assert read_settings({}) == Settings()


@pytest.mark.parametrize(
    "environment", [{"BALLAST_MB": "-1"}, {"BALLAST_MB": "1.5"}, {"STARTUP_MS": ""}, {"EXTRA_CPU_MS": "nan"}]
)
def test_wrong_settings_are_named(environment: dict[str, str]) -> None:
    """The error names the variable and its value."""
    ((name, value),) = environment.items()
    with pytest.raises(ValueError, match=f"^{name}='{value}': "):
        read_settings(environment)


def test_a_wrong_setting_ends_the_process_with_one_line() -> None:
    """No traceback, and the exit code on which uvicorn's supervisor gives up instead of restarting for ever."""
    ended = subprocess.run(
        [sys.executable, "-m", "uvicorn", "app.main:app", "--port", "0"],
        cwd=REPOSITORY,
        env=os.environ | {"BALLAST_MB": "much", "STARTUP_MS": "-1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == STARTUP_FAILURE
    assert ended.stderr.count("\n") == 1
    assert "BALLAST_MB='much'" in ended.stderr
    assert "STARTUP_MS='-1'" in ended.stderr

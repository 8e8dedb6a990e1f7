"""An arm that is not what it says is found out, with the proof in the sentence (METHOD 3)."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from lab.analysis.gates import spoiled
from lab.attest.claims import Claim, Evidence, beside, caveats, failures, nagle_defect, runtime_differences
from lab.attest.runtime import (
    ALLOCATOR,
    FREE_THREADED,
    INTERPRETER,
    allocator,
    check_gil,
    enabled_by,
    free_threaded,
    preloaded,
)
from lab.engines.running import Others, others
from lab.errors import InvalidRunError
from lab.host.labels import OWNER, RUN, owner, started
from lab.metric_types import Family
from lab.plan.topology import Endpoint, Topology
from lab.record.types import TrialRecord
from lab.report.parts.gate_sentences import gate_sentence
from tests.gate_records import trial

WORKERS = Claim(
    model="workers",
    front="direct",
    processes=2,
    serving=2,
    containers=1,
    supervisors=1,
    app=(Endpoint(port=20000),),
    entries=(Endpoint(port=20000),),
)
GOOD_WORKERS = Evidence(
    servers={"a": 3, "b": 1},
    roles={"app": {"supervisor": 1, "helper": 1, "worker": 2}},
    listeners={"127.0.0.1:20000": "app"},
)
REPLICAS = Claim(
    model="replicas",
    front="nginx (tuned)",
    processes=2,
    serving=2,
    containers=2,
    supervisors=0,
    app=(Endpoint(port=20000), Endpoint(port=20001)),
    entries=(Endpoint(port=20002),),
    upstreams=("127.0.0.1:20000", "127.0.0.1:20001"),
)
GOOD_REPLICAS = Evidence(
    servers={"a": 2, "b": 2},
    roles={"app-1": {"worker": 1}, "app-2": {"worker": 1}},
    listeners={"127.0.0.1:20000": "app-1", "127.0.0.1:20001": "app-2", "127.0.0.1:20002": "nginx"},
    upstreams=("127.0.0.1:20000", "127.0.0.1:20001"),
)


def attested(evidence: Evidence) -> TrialRecord:
    """The record of a trial with this evidence."""
    return replace(trial().record, attestation=evidence)


@pytest.mark.parametrize(
    ("environment", "files", "served", "told"),
    [
        ({}, ["/usr/lib/x86_64-linux-gnu/libc.so.6"], "glibc", ""),
        ({}, ["/lib/ld-musl-x86_64.so.1", "/usr/bin/python3"], "musl", ""),
        ({}, ["/usr/lib/libjemalloc.so.2", "/usr/lib/libc.so.6"], "jemalloc", ""),
        ({"LD_PRELOAD": "libjemalloc.so.2"}, ["/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"], "jemalloc", ""),
        ({"LD_PRELOAD": "/a.so:/x/libtcmalloc_minimal.so.4"}, ["/x/libtcmalloc_minimal.so.4.5"], "tcmalloc", ""),
        ({"LD_PRELOAD": "/opt/spy.so"}, ["/usr/lib/libc.so.6"], "glibc", ""),
        (
            {"LD_PRELOAD": "/usr/lib/libmimalloc.so"},
            ["/usr/lib/libc.so.6"],
            "glibc",
            "LD_PRELOAD names mimalloc, but its processes allocate by glibc: the image lacks that library",
        ),
    ],
)
def test_the_allocator_is_the_one_that_was_asked_for(
    environment: dict[str, str], files: list[str], served: str, told: str
) -> None:
    """The linker only warns of a library that is not there, and goes on with the C library's malloc."""
    assert allocator(files) == served
    claim = replace(WORKERS, allocator=preloaded(environment.items()))

    assert list(failures(claim, replace(GOOD_WORKERS, runtime={ALLOCATOR: served}))) == ([told] if told else [])
    assert list(failures(claim, replace(GOOD_WORKERS, unseen="no rights"))) == []


def test_arms_that_are_what_they_claim_have_no_failures() -> None:
    """The two ordinary arms pass."""
    assert list(failures(WORKERS, GOOD_WORKERS)) == []
    assert list(failures(REPLICAS, GOOD_REPLICAS)) == []


@pytest.mark.parametrize("beside", [{"supervisor": 1}, {"init": 1}, {"helper": 3}, {"supervisor": 1, "init": 1}])
def test_a_replica_is_one_serving_process_whatever_stands_beside_it(beside: dict[str, int]) -> None:
    """gunicorn's master, an init, health probes and process pools make no replica something else (FIELD 18)."""
    roles = {"app-1": {"worker": 1, **beside}, "app-2": {"worker": 1}}
    assert list(failures(REPLICAS, replace(GOOD_REPLICAS, roles=roles))) == []


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (replace(GOOD_WORKERS, servers={"a": 4}), "2 serving processes were asked for, 1 answered"),
        (replace(GOOD_WORKERS, servers={"a": 1, "b": 1, "c": 1}), "3 different ones answered"),
        (replace(GOOD_WORKERS, roles={"app": {"worker": 2}}), "model workers has a supervisor, none was found in app"),
        (
            replace(GOOD_WORKERS, roles={"app": {"supervisor": 1, "worker": 1}}),
            r"1 worker processes are running \(app: 1 supervisor, 1 worker\)",
        ),
        (
            replace(GOOD_WORKERS, listeners={"127.0.0.1:20000": ""}),
            "the listener at 127.0.0.1:20000 belongs to no process of this arm",
        ),
    ],
)
def test_a_wrong_workers_arm_is_found_out(evidence: Evidence, expected: str) -> None:
    """Fewer or more processes, no supervisor, a stranger on the port, a stale container of the image."""
    with pytest.raises(AssertionError, match=expected):
        assert list(failures(WORKERS, evidence)) == []


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (
            replace(GOOD_REPLICAS, roles={"app-1": {"supervisor": 1, "worker": 2}, "app-2": {"helper": 1}}),
            "each container of model replicas has 1 serving, found app-1: 1 supervisor, 2 worker; app-2: 1 helper",
        ),
        (replace(GOOD_REPLICAS, roles={"app-1": {"worker": 2}}), "model replicas has 2 containers, found 1"),
        (replace(GOOD_REPLICAS, upstreams=("",)), r"requests do not pass nginx \(tuned\)"),
        (replace(GOOD_REPLICAS, upstreams=()), r"requests do not pass nginx \(tuned\)"),
        (
            replace(GOOD_REPLICAS, upstreams=("127.0.0.1:20000", "127.0.0.1:9")),
            r"nginx \(tuned\) proxies to 127.0.0.1:9, which is not this arm",
        ),
    ],
)
def test_a_wrong_replicas_arm_is_found_out(evidence: Evidence, expected: str) -> None:
    """Not one process in each container, too few containers, an nginx that is not in the way or points elsewhere."""
    with pytest.raises(AssertionError, match=expected):
        assert list(failures(REPLICAS, evidence)) == []


@pytest.mark.parametrize(
    ("first_s", "later_s", "defect"),
    [(0.001, 0.044, True), (0.001, 0.0003, False), (0.044, 0.044, False), (0.001, 0.2, False)],
)
def test_the_44_ms_defect_is_recognised_and_nothing_else_is(first_s: float, later_s: float, defect: bool) -> None:
    """Slow only on kept-alive requests and only by the delayed acknowledgement: an app that is slow is not it."""
    assert nagle_defect(replace(GOOD_WORKERS, keepalive_first_s=first_s, keepalive_s=later_s)) is defect


THREADS = replace(WORKERS, model="threads", processes=4, serving=1, supervisors=0)
FREE = {INTERPRETER: FREE_THREADED}


@pytest.mark.parametrize(
    ("servers", "roles", "runtime", "told"),
    [
        ({f"7-ab:{tid}": 1 for tid in range(8, 12)}, {"worker": 1}, FREE, []),
        ({"pid-7": 9}, {"worker": 1}, FREE, []),
        ({"7-ab:8": 1, "7-ab:9": 1}, {"worker": 1}, FREE, ["4 serving threads were asked for, 2 answered"]),
        (
            {"a": 1, "b": 1, "c": 1, "d": 1},
            {"supervisor": 1, "worker": 4},
            {"loop": "uvloop"},
            ["needs a Python that is built for it", "1 serving processes were asked for, 4 worker processes"],
        ),
    ],
)
def test_threads_are_one_process_of_free_threaded_python(
    servers: dict[str, int], roles: dict[str, int], runtime: dict[str, str], told: list[str]
) -> None:
    """Each thread answers by its name, or all by their process's; the same command elsewhere starts processes."""
    evidence = replace(GOOD_WORKERS, servers=servers, roles={"app": roles}, runtime=runtime)
    found = list(failures(THREADS, evidence))

    assert len(found) == len(told)
    assert all(words in sentence for words, sentence in zip(told, found, strict=True))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["/usr/local/bin/python3.14t"], True),
        (["/usr/local/lib/libpython3.14t.so.1.0"], True),
        (["/venv/lib/python3.14t/site-packages/granian/_granian.cpython-314t-x86_64-linux-gnu.so"], True),
        (["/usr/bin/python3.14", "/venv/x/_granian.cpython-314-x86_64-linux-gnu.so", "/usr/lib/libtar.so"], False),
    ],
)
def test_a_python_without_the_lock_is_told_by_its_files(files: list[str], expected: bool) -> None:
    """Its program, library and modules carry the t of their ABI."""
    assert free_threaded(files) is expected


def test_what_switches_the_lock_on_again_is_named() -> None:
    """By CPython's own warning; only where threads are to serve at the same time."""
    log = (
        "<frozen importlib._bootstrap>:488: RuntimeWarning: The global interpreter lock (GIL) has been enabled to load "
        "module 'httptools.parser.parser', which has not declared that it can run safely without the GIL."
    )
    at = Endpoint(port=20000)
    threads = Topology(
        trial_id="b01", services=(), entry=at, app=(at,), processes=4, serving=1, ready_path="/", ready_timeout_s=1.0
    )

    assert enabled_by(["", log]) == "httptools.parser.parser"
    with pytest.raises(InvalidRunError, match=r"httptools\.parser\.parser switched Python's global lock on while"):
        check_gil(threads, [log], "while it served")
    check_gil(threads, ["all is well"], "while it served")
    check_gil(replace(threads, serving=4), [log], "while it served")


def test_different_event_loops_are_named() -> None:
    """Two arms on different loops do not compare process models; two with another allocator compare allocators."""
    assert runtime_differences({"loop": "uvloop", "http": "httptools"}, {"loop": "asyncio", "http": "httptools"}) == [
        "loop"
    ]
    assert runtime_differences({"loop": "uvloop", ALLOCATOR: "glibc"}, {"loop": "uvloop", ALLOCATOR: "jemalloc"}) == []


def test_another_lab_on_the_same_image_spoils_memory_and_nothing_else() -> None:
    """It shares file pages; the arm is still what it claims to be."""
    evidence = replace(GOOD_WORKERS, neighbours=("20261124T041500Z-other-3f9a1c",))

    assert list(failures(WORKERS, evidence)) == []
    assert beside(evidence) == ""
    assert spoiled(caveats(evidence)) == {Family.MEMORY}
    assert "20261124T041500Z-other-3f9a1c" in gate_sentence(caveats(evidence)[0], attested(evidence))


def test_what_is_no_living_lab_ends_the_run() -> None:
    """It is named; its own hint does not ask for another image."""
    assert "(old-shop)" in beside(replace(GOOD_WORKERS, strangers=("old-shop",)))


def test_neighbours_are_labs_that_live() -> None:
    """A container of this lab, of a lab that has ended, and of nobody are strangers."""
    living = {OWNER: f"{os.getppid()}-{started(os.getppid())}", RUN: "other"}
    marks = {"a": living, "b": living, "c": {OWNER: owner(), RUN: "mine"}, "d": {OWNER: "1-0.00"}, "e": {}}

    assert others((name, each, lambda: True) for name, each in marks.items()) == Others(("c", "d", "e"), ("other",))


def test_a_lab_that_ends_while_it_is_looked_at_leaves_no_stranger() -> None:
    """Its arm was listed and is gone before anybody asks whether the lab lives."""
    assert others([("b01-workers", {OWNER: "1-0.00"}, lambda: False)]) == Others()

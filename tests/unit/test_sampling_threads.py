"""Context switches and run-queue wait of all threads of a process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from lab.sampling.threads import ThreadCount, Threads

SLEEPER = """
import threading, time
def sleep():
    for _ in range(900):
        time.sleep(0.0002)
    print(flush=True)
    time.sleep(60)
threading.Thread(target=sleep, daemon=True).start()
input()
"""
PIPES: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}


def test_what_a_thread_does_is_counted() -> None:
    """A thread that sleeps 900 times makes 900 switches, of which /proc/PID/status tells none."""
    with subprocess.Popen([sys.executable, "-c", SLEEPER], **PIPES) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = Threads().read(Path("/proc"), child.pid)
        alone = psutil.Process(child.pid).num_ctx_switches()
        child.communicate("\n")

    assert found is not None
    assert 900 <= found.switches < 1500
    assert alone.voluntary < 100


def thread(proc: Path, tid: int, waited_s: float, switches: int) -> None:
    folder = proc / "7" / "task" / str(tid)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "schedstat").write_text(f"5000 {round(waited_s * 1e9)} {switches}\n")


def test_a_thread_that_ends_keeps_its_part(tmp_path: Path) -> None:
    """The sums never fall, also when the kernel gives a number out again."""
    threads = Threads()
    thread(tmp_path, 7, 0.25, 10)
    thread(tmp_path, 8, 0.5, 100)
    assert threads.read(tmp_path, 7) == ThreadCount(110, 0.75)

    shutil.rmtree(tmp_path / "7" / "task" / "8")
    thread(tmp_path, 7, 0.25, 11)
    assert threads.read(tmp_path, 7) == ThreadCount(111, 0.75)

    thread(tmp_path, 8, 0.125, 3)
    assert threads.read(tmp_path, 7) == ThreadCount(114, 0.875)
    thread(tmp_path, 8, 0.0, 1)
    assert threads.read(tmp_path, 7) == ThreadCount(115, 0.875), "another thread of the same number"


def test_a_kernel_without_schedstat_tells_the_switches_only(tmp_path: Path) -> None:
    """From the status of each thread; the wait is missing, not zero."""
    for tid, switches in ((7, 10), (8, 100)):
        folder = tmp_path / "7" / "task" / str(tid)
        folder.mkdir(parents=True)
        (folder / "status").write_text(
            f"Name:\tx\nvoluntary_ctxt_switches:\t{switches}\nnonvoluntary_ctxt_switches:\t1\n"
        )

    assert Threads().read(tmp_path, 7) == ThreadCount(112, None)


def test_a_process_that_has_ended_has_no_threads(tmp_path: Path) -> None:
    """Nothing is known, which is not zero."""
    assert Threads().read(tmp_path, 7) is None


def test_each_thread_is_told_by_its_number_name_and_cpu() -> None:
    """The main thread of a process that burns nothing, and one that burns: by the number that it knows itself by."""
    program = (
        "import threading, time\n"
        "def burn():\n"
        "    until = time.thread_time() + 0.2\n"
        "    while time.thread_time() < until: pass\n"
        "    print(threading.get_native_id(), flush=True)\n"
        "    time.sleep(60)\n"
        "threading.Thread(target=burn, daemon=True).start()\n"
        "input()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], **PIPES) as child:
        assert child.stdout is not None
        burner = int(child.stdout.readline())
        rows = list(Threads().rows(Path("/proc"), child.pid, 12.5, 3.0))
        child.communicate("\n")

    found = {row.own_tid: row for row in rows}
    assert {row.tid for row in rows} >= {child.pid}
    assert (found[burner].pid, found[burner].started_s, found[burner].t_s) == (child.pid, 12.5, 3.0)
    assert 0.2 <= found[burner].cpu_s < 0.4
    assert found[burner].name.startswith("python")


def test_a_thread_of_a_container_has_the_number_that_its_container_gives_it(tmp_path: Path) -> None:
    """The innermost of its namespaces; a kernel that does not count, or a thread that has just ended, gives no row."""
    for tid in (700, 701, 702):
        thread(tmp_path, tid, 0.0, 1)
        (tmp_path / "7" / "task" / str(tid) / "comm").write_text("granian worker\n")
    (tmp_path / "7" / "task" / "700" / "status").write_text("Name:\tx\nNSpid:\t700\t31\t12\nThreads:\t3\n")
    (tmp_path / "7" / "task" / "701" / "status").write_text("Name:\tx\nThreads:\t3\n")

    (row,) = Threads().rows(tmp_path, 7, 1.0, 2.0)
    assert (row.tid, row.own_tid, row.name, row.cpu_s) == (700, 12, "granian worker", 5e-6)

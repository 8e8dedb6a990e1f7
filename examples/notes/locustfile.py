"""People who read notes, and now and then write one."""

from __future__ import annotations

from random import Random

from locust import HttpUser, between, task

FIRST_NOTES = 500


class Reader(HttpUser):
    """Reads much more than it writes."""

    wait_time = between(0.1, 0.3)
    random = Random(1)

    @task(8)
    def read(self) -> None:
        """Open one of the first notes."""
        self.client.get(f"/notes/{self.random.randint(1, FIRST_NOTES)}", name="/notes/[number]")

    @task(3)
    def latest(self) -> None:
        """Look what is new."""
        self.client.get("/notes?limit=20", name="/notes")

    @task(1)
    def write(self) -> None:
        """Write a note."""
        self.client.post("/notes", json={"title": "From a trial", "text": "Lorem ipsum. " * 20}, name="/notes (write)")

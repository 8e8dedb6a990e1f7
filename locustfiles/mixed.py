"""Readers and writers in one load: two user classes, two HTTP clients, tags, a task with two requests.

Runs unchanged under plain `locust -f locustfiles/mixed.py`; `--tags read` or `--tags write` leaves one half.
"""

from random import choice, randint

from locust import FastHttpUser, HttpUser, between, tag, task


class Reader(FastHttpUser):
    """Three users in four: looks things up, sometimes something that costs CPU or that waits for a database."""

    weight = 3
    wait_time = between(0.01, 0.05)

    @tag("read", "light")
    @task(3)
    def root(self) -> None:
        """The documentation's own hello world."""
        self.client.get("/")

    @tag("read", "light")
    @task(6)
    def browse(self) -> None:
        """Two requests: an item, then one that was found on its page."""
        first = randint(1, 1000)
        self.client.get(f"/items/{first}?q=browse", name="/items/{item_id}")
        self.client.get(f"/items/{first + randint(1, 10)}?q=related", name="/items/{item_id} (related)")

    @tag("read", "io")
    @task(2)
    def wait(self) -> None:
        """An answer that waits 10 or 30 ms for something else."""
        self.client.get(f"/io?ms={choice((10, 30))}", name="/io")

    @tag("read", "cpu")
    @task(1)
    def compute(self) -> None:
        """An answer that costs 3 ms of CPU."""
        self.client.get("/cpu?ms=3", name="/cpu")


class Writer(HttpUser):
    """One user in four: posts JSON and checks what comes back."""

    weight = 1
    wait_time = between(0.05, 0.1)

    @tag("write")
    @task
    def echo(self) -> None:
        """A body there and back; an answer that differs is a failure, whatever its status."""
        sent = {"name": "lab", "price": randint(1, 100), "tags": ["a", "b"]}
        with self.client.post("/echo", json=sent, catch_response=True) as response:
            if response.status_code == 200 and response.json() != sent:
                response.failure("the echo differs from what was sent")

"""Requests that burn CPU: 5 or 10 ms each. Runs unchanged under plain `locust -f locustfiles/computing.py`.

`--tags short` or `--tags long` leaves one of the two.
"""

from locust import FastHttpUser, constant, tag, task


class ComputingUser(FastHttpUser):
    """A client whose answers have to be computed."""

    wait_time = constant(0)

    @tag("short")
    @task
    def short(self) -> None:
        """5 ms of CPU time, in a thread of the app's pool."""
        self.client.get("/cpu?ms=5", name="/cpu")

    @tag("long")
    @task
    def long(self) -> None:
        """10 ms of CPU time."""
        self.client.get("/cpu?ms=10", name="/cpu")

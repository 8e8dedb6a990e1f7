"""Requests that wait: 20 ms each, as for a database. Runs unchanged under plain `locust -f locustfiles/waiting.py`."""

from locust import FastHttpUser, constant, task


class WaitingUser(FastHttpUser):
    """A client whose answers wait for something else."""

    wait_time = constant(0)

    @task
    def wait(self) -> None:
        """The app waits 20 ms without using CPU and serves others meanwhile."""
        self.client.get("/io?ms=20", name="/io")

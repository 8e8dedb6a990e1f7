"""A small JSON API: reads, one write. Runs unchanged under plain `locust -f locustfiles/json_api.py`."""

from random import randint

from locust import FastHttpUser, constant, task


class ApiUser(FastHttpUser):
    """A client that mostly reads items and sometimes posts one."""

    wait_time = constant(0)

    @task(1)
    def root(self) -> None:
        """The documentation's own hello world."""
        self.client.get("/")

    @task(7)
    def item(self) -> None:
        """One item; the name groups all ids into one row."""
        self.client.get(f"/items/{randint(1, 1000)}?q=lab", name="/items/{item_id}")

    @task(2)
    def echo(self) -> None:
        """A small JSON body there and back."""
        self.client.post("/echo", json={"name": "lab", "price": 9.99, "tags": ["a", "b", "c"]})

"""Requests with an identity of their own (X-Request-ID), so that an app can tell which of them it executed twice.

Also runs under plain `locust -f locustfiles/identified.py`.
"""

from random import randint
from uuid import uuid4

from locust import FastHttpUser, constant, task


def identity() -> dict[str, str]:
    """The header of one request."""
    return {"X-Request-ID": uuid4().hex}


class IdentifiedUser(FastHttpUser):
    """A client that mostly reads items, which a front may ask for again, and sometimes posts one, which it may not."""

    wait_time = constant(0)

    @task(8)
    def item(self) -> None:
        """One item; the name groups all ids into one row."""
        self.client.get(f"/items/{randint(1, 1000)}?q=lab", name="/items/{item_id}", headers=identity())

    @task(2)
    def echo(self) -> None:
        """A small JSON body there and back."""
        self.client.post("/echo", json={"name": "lab", "price": 9.99}, headers=identity())

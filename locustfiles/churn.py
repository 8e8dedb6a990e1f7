"""Connections that do not live long: a new one every 20 requests.

Runs unchanged under plain `locust -f locustfiles/churn.py`.
"""

from random import randint

from locust import FastHttpUser, constant, task

REQUESTS_PER_CONNECTION = 20


class ComingAndGoingUser(FastHttpUser):
    """A client that asks for the connection to be closed with every 20th request."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Begin anywhere in the cycle, so that the clients do not reconnect in step."""
        self.made = randint(0, REQUESTS_PER_CONNECTION - 1)

    @task
    def item(self) -> None:
        """One item; the name groups all ids into one row."""
        self.made += 1
        headers = {"Connection": "close"} if self.made % REQUESTS_PER_CONNECTION == 0 else {}
        self.client.get(f"/items/{randint(1, 1000)}?q=churn", name="/items/{item_id}", headers=headers)

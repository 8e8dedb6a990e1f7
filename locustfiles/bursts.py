"""Small reads with a large body now and then, so that memory is taken and given back all the time.

Runs unchanged under plain `locust -f locustfiles/bursts.py`.
"""

from random import randint

from locust import FastHttpUser, constant, task

SMALLEST, LARGEST = 100, 4000  # rows of a document of some 60 bytes each


class BurstingUser(FastHttpUser):
    """A client that mostly reads items and posts a document of up to 240 kB with every tenth request."""

    wait_time = constant(0)

    @task(9)
    def item(self) -> None:
        """One item; the name groups all ids into one row."""
        self.client.get(f"/items/{randint(1, 1000)}?q=bursts", name="/items/{item_id}")

    @task(1)
    def document(self) -> None:
        """A document there and back: parsed, held and written by a thread of the app's pool."""
        rows = [{"name": f"item {number}", "price": number / 7} for number in range(randint(SMALLEST, LARGEST))]
        self.client.post("/echo", json={"rows": rows}, name="/echo (document)")

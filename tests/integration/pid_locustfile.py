"""Asks who answers, over both HTTP clients of Locust, and names each request after it: the truth beside our guess."""

from __future__ import annotations

from typing import Any

from locust import FastHttpUser, HttpUser, constant, tag


def ask(user: Any, headers: dict[str, str] | None = None) -> None:
    """On the lane's connection."""
    with user.client.get("/pid", headers=headers, catch_response=True) as response:
        response.request_meta["name"] = response.text


def ask_in_tens(user: Any) -> None:
    """On a connection that ends after ten requests, a quarter of a second."""
    user.asked = getattr(user, "asked", 0) + 1
    ask(user, {"Connection": "close"} if user.asked % 10 == 0 else None)


TASKS = [tag("keepalive")(ask), tag("churn")(ask_in_tens)]


class Requests(HttpUser):  # type: ignore[misc]  # Locust is not type checked
    """With requests."""

    tasks = TASKS
    wait_time = constant(0.02)


class Geventhttpclient(FastHttpUser):  # type: ignore[misc]  # as above
    """With geventhttpclient."""

    tasks = TASKS
    wait_time = constant(0.02)

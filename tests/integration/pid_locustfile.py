"""Asks who answers, over both HTTP clients of Locust, and names each request after it: the truth beside our guess."""

from __future__ import annotations

from typing import Any

from locust import FastHttpUser, HttpUser, constant, tag


def ask(user: Any, headers: dict[str, str] | None = None) -> None:
    """On the lane's connection."""
    with user.client.get("/pid", headers=headers, catch_response=True) as response:
        response.request_meta["name"] = response.text


def ask_once(user: Any) -> None:
    """On a connection of its own."""
    ask(user, {"Connection": "close"})


TASKS = [tag("keepalive")(ask), tag("churn")(ask_once)]


class Requests(HttpUser):  # type: ignore[misc]  # Locust is not type checked
    """With requests."""

    tasks = TASKS
    wait_time = constant(0.02)


class Geventhttpclient(FastHttpUser):  # type: ignore[misc]  # as above
    """With geventhttpclient."""

    tasks = TASKS
    wait_time = constant(0.02)

"""Servers for ASGI apps whose command lines are known."""

SERVERS = ("uvicorn", "fastapi", "granian", "gunicorn", "hypercorn")

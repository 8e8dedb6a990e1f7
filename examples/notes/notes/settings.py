"""What the environment tells the app."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """``cache_url`` may be empty: then there is no cache."""

    database_url: str
    cache_url: str


SETTINGS = Settings(
    database_url=os.environ.get("DATABASE_URL", "postgresql+asyncpg://notes@localhost/notes"),
    cache_url=os.environ.get("CACHE_URL", ""),
)

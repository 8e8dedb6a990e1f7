"""The table of the notes, and how the database is reached."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, String, Text, func
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from notes.settings import Settings


class Base(DeclarativeBase):
    """What all tables share."""


class Note(Base):
    """One note."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    written_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


def engine_of(settings: Settings) -> AsyncEngine:
    """A pool of connections; every serving process has one of its own."""
    return create_async_engine(settings.database_url, pool_size=4, max_overflow=4)

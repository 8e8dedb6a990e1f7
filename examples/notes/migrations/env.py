"""Alembic's own entry: run the migrations on the database that DATABASE_URL names."""

from __future__ import annotations

import asyncio

from alembic import context
from notes.database import Base, engine_of
from notes.settings import SETTINGS
from sqlalchemy import Connection


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()


async def _online() -> None:
    engine = engine_of(SETTINGS)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


asyncio.run(_online())

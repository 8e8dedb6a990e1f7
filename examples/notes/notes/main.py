"""The routes: read a note, list the latest, write one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from notes.database import Note, engine_of
from notes.settings import SETTINGS

CACHED_S = 30


class Draft(BaseModel):
    """A note as somebody writes it."""

    title: Annotated[str, Field(max_length=200)]
    text: str


class Written(Draft):
    """A note as it is kept."""

    model_config = ConfigDict(from_attributes=True)

    id: int


engine = engine_of(SETTINGS)
sessions = async_sessionmaker(engine, expire_on_commit=False)
cache = Redis.from_url(SETTINGS.cache_url) if SETTINGS.cache_url else None


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Close the connections at the end."""
    yield
    await engine.dispose()
    if cache is not None:
        await cache.aclose()


async def session() -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with sessions() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]
app = FastAPI(title="Notes", lifespan=lifespan)


@app.get("/ready")
async def ready(db: Session) -> dict[str, bool]:
    """Answers once the database does."""
    await db.execute(text("SELECT 1"))
    return {"ready": True}


@app.get("/notes")
async def latest(db: Session, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[Written]:
    """The notes that were written last."""
    found = await db.scalars(select(Note).order_by(Note.id.desc()).limit(limit))
    return [Written.model_validate(note) for note in found]


@app.get("/notes/{number}")
async def read(number: int, db: Session) -> Written:
    """One note, from the cache where there is one and it is in it."""
    if cache is not None and (kept := await cache.get(f"note:{number}")) is not None:
        return Written.model_validate_json(kept)
    note = await db.get(Note, number)
    if note is None:
        raise HTTPException(404, "no such note")
    written = Written.model_validate(note)
    if cache is not None:
        await cache.set(f"note:{number}", written.model_dump_json(), ex=CACHED_S)
    return written


@app.post("/notes", status_code=201)
async def write(draft: Draft, db: Session) -> Written:
    """Keep a note."""
    note = Note(**draft.model_dump())
    db.add(note)
    await db.commit()
    return Written.model_validate(note)

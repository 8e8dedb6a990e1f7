"""A small shop, written by somebody who has never heard of the lab: no header of it, no route for it."""

from __future__ import annotations

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

PRODUCTS = [{"number": number, "name": f"Product {number}", "price": 100 + number % 50} for number in range(1, 501)]

api = FastAPI(title="Shop")


class Order(BaseModel):
    """What somebody wants to buy."""

    number: int
    pieces: int = 1


@api.get("/healthz")
def healthz() -> dict[str, str]:
    """Say that the shop is open."""
    return {"status": "open"}


@api.get("/products")
async def products(limit: int = 20) -> list[dict[str, object]]:
    """The first products."""
    return list(PRODUCTS[:limit])


@api.get("/products/{number}")
async def product(number: int) -> dict[str, object]:
    """One product."""
    if not 1 <= number <= len(PRODUCTS):
        raise HTTPException(404, "no such product")
    return dict(PRODUCTS[number - 1])


@api.post("/orders", status_code=201)
async def order(wanted: Order) -> dict[str, object]:
    """What the order would cost; nothing is kept."""
    price = int(str(PRODUCTS[(wanted.number - 1) % len(PRODUCTS)]["price"]))
    return {"number": wanted.number, "pieces": wanted.pieces, "total": price * wanted.pieces}

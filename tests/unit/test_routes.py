"""Routes are found in the text of a project, through the routers and functions of which its app is made."""

from __future__ import annotations

import pytest

from lab.starter.routes import NO_GET, QUERY, REDIRECTS, Route, Routes, apps_in

MAIN = """
from fastapi import FastAPI
import shop.admin
from shop import routers
from .routers import orders_router as orders
from .settings import settings

def create_app():
    api = FastAPI()
    api.include_router(orders, prefix="/v1")
    api.include_router(routers.users.router, prefix=settings.API)
    api.include_router(shop.admin.router, prefix=settings.PREFIX)
    api.mount("/old", old)
    return api

old = FastAPI()
app: FastAPI = create_app()

@old.get("/")
async def home(): ...
"""
PROJECT = {
    "src.shop.main": MAIN,
    "src.shop.routers.__init__": "from . import users\nfrom .orders import router as orders_router\n",
    "src.shop.routers.orders": """
from fastapi import APIRouter
from .items import router as inner
router = APIRouter(prefix="/orders")
router.include_router(inner)
router.include_router(router)

@router.get("")
def listing(limit: int = 10): ...

@router.get("/search")
def search(q: str): ...

@router.get("/{number}")
def one(number: int): ...

@router.post("/")
def new(): ...
""",
    "src.shop.routers.items": """
router = APIRouter()
@router.get("/items", response_model=None)
def items(request: Request): ...
""",
    "src.shop.routers.users": """
router = fastapi.APIRouter(prefix="/users")
@router.get("/first")
async def first(): return RedirectResponse("/docs")
@router.get("/all")
async def everybody(): ...
""",
    "src.shop.settings": "class Settings:\n    API: str = '/api'\n    PREFIX = '/a'\nPREFIX = '/b'\n",
    "src.shop.admin": """
router = APIRouter()
@router.get("/secret")
def secret(): ...
""",
    "broken": "def (:",
}


def test_routers_are_followed_to_the_app_that_includes_them() -> None:
    """Over packages, prefixes, mounts and a router in itself; not where a prefix is unclear or a query is wanted."""
    found = apps_in(PROJECT)
    paths = ("/v1/orders", "/v1/orders/{number}", "/v1/orders/items", "/api/users/all", "/old/")

    assert found["src.shop.main:app"] == found["src.shop.main:create_app()"]
    assert found["src.shop.main:app"].paths == paths
    assert found["src.shop.main:old"].paths == ("/",)


def test_every_other_route_is_told_with_its_reason() -> None:
    """Those that a load of plain GET requests leaves out."""
    assert apps_in(PROJECT)["src.shop.main:app"].others == (
        Route("GET", "/v1/orders/search", QUERY),
        Route("POST", "/v1/orders/", NO_GET),
        Route("GET", "/api/users/first", REDIRECTS),
    )


def test_modules_that_import_a_name_in_a_circle_have_none() -> None:
    """It is an error in Python too."""
    circle = {
        "a": "from fastapi import FastAPI\nfrom b import r\napp = FastAPI()\napp.include_router(r)",
        "b": "from c import r",
        "c": "from b import r",
    }
    assert apps_in(circle) == {"a:app": Routes()}


@pytest.mark.parametrize("text", ["", "app = 1", "def f(): ...", "\0", "app.include_router(x)", "x = FastAPI"])
def test_what_is_no_app_is_none(text: str) -> None:
    """Whatever a file holds."""
    assert apps_in({"main": text}) == {}

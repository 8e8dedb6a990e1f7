"""Look at every page of the built site as a browser would: ``python docs/check_site.py site``; exit 1 with a list.

Zensical's strict mode checks links between Markdown files. This finds the rest: images, the navigation, pages that
nothing leads to, and anything that would be fetched from elsewhere, because the site has to work without a network.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
NOT_FETCHED = {"canonical", "prev", "next", "alternate"}  # rel of a <link> that only says where something is
STANDALONE = {"404.html"}  # a server shows it, and writes its links from the root of the site


class Page(HTMLParser):
    """What one page links to, fetches, and can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        elif found.get(FETCHED.get(tag, "")) and found.get("rel") not in NOT_FETCHED:
            self.fetched.append(found[FETCHED[tag]])


def problems(site: Path) -> list[str]:
    """A sentence for everything that is wrong with the pages below ``site``; empty when nothing is."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    checked = {path: page for path, page in pages.items() if path.name not in STANDALONE}
    found = [f"{path.relative_to(site)}: {said}" for path in checked for said in _of_page(path, pages)]
    reached = {target for path, page in checked.items() for target in _leads_to(path, page)}
    lonely = [path.relative_to(site) for path in checked if path not in reached]
    return found + [f"{path}: no page leads here, list it under nav in zensical.toml" for path in lonely]


def _leads_to(path: Path, page: Page) -> set[Path]:
    """The other pages that one page links to."""
    return {_target(path, link)[0] for link in page.links if not _elsewhere(link)} - {path}


def _of_page(path: Path, pages: dict[Path, Page]) -> Iterator[str]:
    page = pages[path]
    for address in dict.fromkeys(page.fetched):
        if urlsplit(address).scheme == "data":
            continue
        if _elsewhere(address):
            yield f"fetches {address}, which needs a network"
        elif not _target(path, address)[0].is_file():
            yield f"shows {address}, which does not exist"
    for link in dict.fromkeys(page.links):
        if _elsewhere(link):
            continue
        target, anchor = _target(path, link)
        if not target.is_file():
            yield f"links to {link}, which does not exist"
        elif anchor and target in pages and anchor not in pages[target].anchors:
            yield f"links to {link}, which has no such heading"


def _elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.scheme or parts.netloc)


def _target(page: Path, address: str) -> tuple[Path, str]:
    """The file that an address on ``page`` means, and the anchor in it."""
    parts = urlsplit(address)
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    return (target / "index.html" if target.is_dir() else target), unquote(parts.fragment)


if __name__ == "__main__":
    sys.exit("\n".join(problems(Path(sys.argv[1]).resolve())) or None)

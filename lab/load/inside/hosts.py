"""The address of a user class: the arm's takes its place, as Locust's --host would; the path behind it is kept.

Load goes to the arm alone: a request of Locust's clients to any other address is not sent, whoever named that, the
locustfile or a redirect of the app's.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import requests

from lab.errors import LoadError

PATH = "lab_path"  # attribute of a user class: the path of its own host
ABSOLUTE = ("http://", "https://")
PORTS = {"http": 80, "https": 443}
LOOPBACK = ("127.0.0.1", "::1")
MAX_URL = 200
HINT = (
    'leave the host out and give the path alone, as in self.client.get("/items"): the arm\'s address is put in front; '
    "what must come from elsewhere once, a token say, fetch in on_start with another client, which is not measured"
)

Refuse = Callable[[LoadError], None]


def keep_paths(user_classes: Iterable[Any]) -> list[str]:
    """Note the path of each class's own ``host`` before it is replaced; a sentence for each that has one."""
    said = []
    for user_class in user_classes:
        path = urlsplit(user_class.host or "").path.rstrip("/")
        setattr(user_class, PATH, path)
        if path:
            said.append(f"host of {user_class.__name__}: the arm's address takes its place, its path {path} is kept")
    return said


def complete_paths(session: Any, base_url: str, refuse: Refuse) -> None:
    """Have a session class (HttpSession, FastHttpSession) put the class's own path, and a missing slash, in front.

    What would leave for another address than ``base_url`` is refused before anything is sent there.
    """
    build, arm, within = session._build_url, origin(base_url), f"{base_url}/"

    def built(self: Any, path: Any) -> Any:
        if isinstance(path, str) and not path.lower().startswith(ABSOLUTE):
            slash = "/" if path[:1].isalnum() else ""
            path = getattr(self.user, PATH, "") + slash + path
        url = build(self, path)
        if not url.startswith(within) and origin(url)[1:] != arm[1:]:
            refuse(_elsewhere(self.user, url))
        return url

    session._build_url = built


def _elsewhere(user: Any, url: str) -> LoadError:
    place = f"{type(user).__name__} asks for" if user is not None else "the locustfile asks for"
    return LoadError(f"{place} {url[:MAX_URL]}, which is not the arm: load goes to the arm alone", HINT)


def follow_no_further(base_url: str, session: Any, request: Any) -> None:
    """Follow redirects within the arm only; ``session`` is Locust's HttpSession, ``request`` its FastRequest."""
    send, redirect, arm = session.send, request.redirect, origin(base_url)

    def sent(self: Any, prepared: Any, **options: Any) -> Any:
        if told := _leads_away(prepared.url, arm):
            raise requests.ConnectionError(told)  # of those that HttpSession reports as a failed request
        return send(self, prepared, **options)

    def redirected(self: Any, code: int, location: str) -> None:
        redirect(self, code, location)
        if told := _leads_away(self.url, arm):
            raise ConnectionError(told)  # as above, for FastHttpSession

    session.send, request.redirect = sent, redirected


def _leads_away(url: str, arm: tuple[str, str, int | None]) -> str:
    """A sentence when a redirect leads to another place than the arm, else "". Another scheme is another place too."""
    if (found := origin(url)) == arm:
        return ""
    scheme, host, port = found
    told = f"{scheme}://{host}" + ("" if port in (None, PORTS.get(scheme)) else f":{port}")
    return f"the app redirects to {told[:MAX_URL]}, which is not the arm: not followed"


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL; the names of this machine's loopback are one."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:  # a port that is none
        return parts.scheme, parts.netloc, None
    return parts.scheme, "localhost" if host in LOOPBACK else host, port or PORTS.get(parts.scheme)

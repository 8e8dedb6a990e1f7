"""The address of a user class: the arm's takes its place, as Locust's --host would; the path behind it is kept."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

PATH = "lab_path"  # attribute of a user class: the path of its own host
ABSOLUTE = ("http://", "https://")


def keep_paths(user_classes: Iterable[Any]) -> list[str]:
    """Note the path of each class's own ``host`` before it is replaced; a sentence for each that has one."""
    said = []
    for user_class in user_classes:
        path = urlsplit(user_class.host or "").path.rstrip("/")
        setattr(user_class, PATH, path)
        if path:
            said.append(f"host of {user_class.__name__}: the arm's address takes its place, its path {path} is kept")
    return said


def complete_paths(session: Any) -> None:
    """Have a session class (HttpSession, FastHttpSession) put the class's own path, and a missing slash, in front."""
    build = session._build_url

    def built(self: Any, path: Any) -> Any:
        if isinstance(path, str) and not path.lower().startswith(ABSOLUTE):
            slash = "/" if path[:1].isalnum() else ""
            path = getattr(self.user, PATH, "") + slash + path
        return build(self, path)

    session._build_url = built

"""What an export is called where it is deployed: by app, scenario and arm, so that no other takes its place."""

import hashlib
import re

from lab.scenario.app import App

MAX_NAME = 40  # with the names of services behind it, each target's own 63 are kept
LEAST = 12  # a shorter one would be hardly more than a digest
DIGEST = 6


def app_name(app: App) -> str:
    """What an app is called: its image without registry, tag and digest, or the folder that it is built from.

    Another version of it has the same name, for it is to take the place of the first.
    """
    if app.build is not None:
        return app.build.name
    return app.image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def deployed_name(app: str, scenario: str, arm: str, longest: int = MAX_NAME) -> str:
    """``"shop-load-workers"``: lower-case letters, digits and single hyphens, as every target takes them.

    A scenario that is called as its app is named once. Shortened to ``longest`` characters where need be, with a digest
    of the whole that keeps names apart.
    """
    whole = "-".join(filter(None, (app if app != scenario else "", scenario, arm)))
    name = re.sub(r"[^a-z0-9]+", "-", whole.lower()).strip("-")
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(whole.encode()).hexdigest()[:DIGEST]
    return f"{name[: longest - DIGEST - 1].rstrip('-')}-{digest}"

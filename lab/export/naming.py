"""What an export is called where it is deployed: by scenario and arm, so that another app's does not take its place."""

import hashlib
import re

MAX_NAME = 40  # with the names of services behind it, each target's own 63 are kept
LEAST = 12  # a shorter one would be hardly more than a digest
DIGEST = 6


def deployed_name(scenario: str, arm: str, longest: int = MAX_NAME) -> str:
    """``"shop-workers"``: lower-case letters, digits and single hyphens, as every target takes them.

    Shortened to ``longest`` characters where need be, with a digest of the whole that keeps names apart.
    """
    whole = f"{scenario}-{arm}"
    name = re.sub(r"[^a-z0-9]+", "-", whole.lower()).strip("-")
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(whole.encode()).hexdigest()[:DIGEST]
    return f"{name[: longest - DIGEST - 1].rstrip('-')}-{digest}"

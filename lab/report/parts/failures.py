"""What helps where every request failed: the key of the scenario, or the place to look, by the text of the failure."""

import re

GATEWAY = r"^HTTP 50[24]\b"
GONE = r"(?i)refused|reset|RemoteDisconnected|closed connection|Broken pipe|Connection aborted"
LATE = r"(?i)^no response|time-?out|timed out"
DROPPED = r"^dropped: "
SILENT = (GATEWAY, GONE, LATE, DROPPED)  # how it looks where the app answers nothing
SHORT = "Memory was short ({}): raise budget.memory."
TLS = "a front with tls = true and arms.proxy_headers = true in every arm serves it over https"

# The first row whose pattern is found; a status is told as "HTTP 401", and what has no answer as its exception.
NEXT_STEPS: tuple[tuple[str, str], ...] = (
    (
        r"^HTTP 400\b",
        "If the app answers to one host name only, let the locustfile send it as Host, or name 127.0.0.1 in app.env.",
    ),
    (
        r"^HTTP 40[137]\b",
        "The app wants to know who asks, and app.probe_headers are not those of the load: let the locustfile log in; "
        "load.args hands it what it needs.",
    ),
    (
        r"^HTTP 40[45]\b",
        "Compare the locustfile's paths with the app's; a prefix that a proxy of yours takes off belongs into neither.",
    ),
    (r"^HTTP 4(?:13|14|31|94)\b", 'A front has limits with profile = "stock" or a config of yours only, else the app.'),
    (r"^HTTP 422\b", "The app does not take these parameters or this body: see the locustfile."),
    (
        r"^HTTP 429\b",
        "The app limits how often a client may ask, and all load has one address: switch that off in app.env.",
    ),
    (GATEWAY, "The front had no answer of the app: see the logs of the trial, and timeout of the front."),
    (
        r"^HTTP 5\d\d\b",
        "See the logs of the trial: what the app needs beside it belongs into [[sidecars]], its tables into [[jobs]].",
    ),
    (r"(?i)\bSSL|https://", f"The app insists on https: switch that off in app.env, or {TLS}."),
    (r"redirects to ", "Let the locustfile send the Host that the app knows, or name 127.0.0.1 in app.env."),
    (
        GONE,
        'Nobody answered: see the logs of the trial; app.restart = "always" starts again what ends.',
    ),
    (
        LATE,
        "Requests outlast the trial, or the locustfile's patience: raise load.measure.",
    ),
    (DROPPED, "The arm did not keep up: lower load.rate."),
)


def next_step(cause: str, shortage: str = "") -> str:
    """What to do where all requests failed with this text; empty where nothing is known of it.

    ``shortage``: how memory was short meanwhile. An app that answers had enough of it to do so.
    """
    if shortage and any(re.search(pattern, cause) for pattern in SILENT):
        return SHORT.format(shortage)
    return next((step for pattern, step in NEXT_STEPS if re.search(pattern, cause)), "")

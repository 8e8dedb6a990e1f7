"""Streamed answers (``stream=True``): the client returns at the headers, and the locustfile reads the rest."""

from typing import Any

STREAMED = "lab_streamed"  # attribute of a response of HttpSession that was asked for with stream=True


def is_streamed(response: Any) -> bool:
    """Tell whether Locust's client left the body to the locustfile, which it says of neither client by itself."""
    if getattr(response, "_response", None) is not None:  # FastHttpSession
        return not hasattr(response, "_cached_content")
    return getattr(response, STREAMED, False)


def was_read(response: Any) -> bool:
    """Tell whether the body of a streamed answer was read to its end."""
    if (of_fast := getattr(response, "_response", None)) is not None:
        return bool(of_fast.message_complete)
    return bool(getattr(response, "_content_consumed", False))

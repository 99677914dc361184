"""What a server's address looks like."""

from __future__ import annotations

from urllib.parse import urlsplit

from stepchat.errors import UsageError


def check_url(url: str, source: str = "") -> str:
    """A base URL without its last slash. Raises UsageError, which tells the `source` it came from."""
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        parts = urlsplit("")
    odd = not url.strip().isprintable() or " " in url.strip() or parts.query or parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or odd:
        raise UsageError(
            f"{url!r}{source} is not a server's address.",
            "Give one like https://openrouter.ai/api/v1 or http://127.0.0.1:8080/v1.",
        )
    if parts.username or parts.password:
        raise UsageError(
            "The base URL holds a name or password.", "Take it out: stepchat keeps secrets out of what it stores."
        )
    return url.strip().rstrip("/")

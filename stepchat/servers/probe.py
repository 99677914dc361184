"""Checks whether a server is reachable. Blocks: call it in a thread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from stepchat.errors import ApiKeyError, ServerError, StepchatError, UnreachableError

if TYPE_CHECKING:
    from stepchat.servers.client import Client

PATIENCE = 1.5
"""Seconds to wait for an answer."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The outcome of asking a server for its models."""

    reachable: bool | None
    """None if it was not checked."""
    message: str
    """A short description for a list."""
    hint: str = ""
    """What to do if the server is not reachable."""
    wants_key: bool = False
    """Whether the server responded, but requires a key or rejected it."""


def probe(client: Client, seconds: float = PATIENCE) -> ProbeResult:
    """Ask a server for its models. Never raises."""
    try:
        answer = client.get_json("/models", seconds=seconds)
    except UnreachableError as error:
        if error.hint == client.backend.start_hint:
            return ProbeResult(False, "not reachable", error.hint)
        reason = re.sub(r"^Cannot reach \S+?:? ", "", error.message.removesuffix("."))
        return ProbeResult(False, f"not reachable: {reason}", error.hint)
    except ApiKeyError:
        words = "reachable, but it rejects the key" if client.has_key else "reachable, but it requires a key"
        return ProbeResult(True, words, wants_key=True)
    except ServerError as error:
        # Any response proves that it runs; not every server has a list of models.
        problem = f"responds with {error.code}" if error.code else "its response is unexpected"
        return ProbeResult(True, "reachable" if error.code == 404 else f"reachable, but {problem}")
    except StepchatError as error:
        return ProbeResult(False, error.message, error.hint)
    found: Any = answer.get("data", answer.get("models"))
    count = len(cast("list[Any]", found)) if isinstance(found, list) else 0
    total: Any = answer.get("total_count")
    count = max(count, total) if isinstance(total, int) else count
    return ProbeResult(True, f"{count} model{'' if count == 1 else 's'}" if count else "reachable")

"""Whether a server is there, and what kind it is by what it says of its models. Blocks, so it is called in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from stepchat.catalogue.backends import BACKENDS
from stepchat.errors import ApiKeyError, ServerError, StepchatError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepchat.catalogue.backends import Backend
    from stepchat.catalogue.models import Model
    from stepchat.servers.client import Client

PATIENCE = 1.5
"""Seconds a server has to show that it is there."""

_OWNERS = {
    "llamacpp": "llama.cpp",
    "vllm": "vllm",
    "sglang": "sglang",
    "library": "ollama",
    "organization_owner": "lmstudio",
}
"""What servers write into `owned_by` of their models, and the name of their row."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What came of asking a server for its models."""

    reachable: bool | None
    """None when it was not asked."""
    message: str
    """In a few words, for a list."""
    wants_key: bool = False
    """It answers, but not without another key than the one it was sent, if any."""


def probe(client: Client, seconds: float = PATIENCE) -> ProbeResult:
    """Never raises."""
    try:
        answer = client.get_json("/models", seconds=seconds)
    except UnreachableError:
        return ProbeResult(False, "not reachable")
    except ApiKeyError:
        words = "there, but it refuses the key" if client.has_key else "there, but it wants a key"
        return ProbeResult(True, words, wants_key=True)
    except ServerError as error:
        # It speaks, so it is there; not every server has a list.
        return ProbeResult(True, "there" if error.code == 404 else f"there, but answers {error.code or 'oddly'}")
    except StepchatError as error:
        return ProbeResult(False, error.message)
    found: Any = answer.get("data", answer.get("models"))
    count = len(cast("list[Any]", found)) if isinstance(found, list) else 0
    total: Any = answer.get("total_count")
    count = max(count, total) if isinstance(total, int) else count
    return ProbeResult(True, f"{count} model{'' if count == 1 else 's'}" if count else "there")


def detect_backend(models: Iterable[Model]) -> Backend | None:
    """The row of a server of which only the address was known."""
    names = {_OWNERS.get(model.owner) for model in models}
    name = names.pop() if len(names) == 1 else None
    return next((row for row in BACKENDS if row.name == name), None)

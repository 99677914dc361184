"""How the session screen shows the list, and the words for it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from stepchat.sessions import reading

if TYPE_CHECKING:
    from stepchat.sessions.reading import Order
    from stepchat.tui.dialogs.key_hints import Keys

Listed: TypeAlias = Literal["current", "archived", "deleted"]
Mode: TypeAlias = Listed | Literal["rename"]
LISTED: Final[tuple[Listed, ...]] = get_args(Listed)
ORDERS: Final[tuple[Order, ...]] = tuple(reading.ORDERS)

NAMES: Final[dict[Listed, str]] = {
    "current": "Sessions",
    "archived": "Archived sessions",
    "deleted": "Deleted sessions, kept for 30 days",
}
EMPTY: Final[dict[Listed, str]] = {
    "current": "No sessions yet.",
    "archived": "Nothing is archived.",
    "deleted": "Nothing was deleted.",
}
PLACEHOLDERS: Final = {
    False: "Type to search titles, questions and answers",
    True: "Type to search titles, questions, answers and thoughts",
}
KEYS: Final[dict[Mode, Keys]] = {
    "current": (
        ("Enter", "open"), ("Tab", "mark"), ("^R", "rename"), ("^P", "pin"), ("^D", "delete"), ("^Z", "undo"),
        ("^A", "archive"), ("^S", "sort"), ("^T", "thoughts"), ("^L", "archived"), ("Esc", "close"),
    ),
    "archived": (
        ("Enter", "open"), ("Tab", "mark"), ("^R", "rename"), ("^P", "pin"), ("^D", "delete"), ("^Z", "undo"),
        ("^A", "take out"), ("^S", "sort"), ("^T", "thoughts"), ("^L", "deleted"), ("Esc", "close"),
    ),
    "deleted": (
        ("Enter", "bring back"), ("Tab", "mark"), ("^Z", "undo"), ("^S", "sort"), ("^T", "thoughts"),
        ("^L", "others"), ("Esc", "close"),
    ),
    "rename": (("Enter", "keep the title"), ("Esc", "leave it as it was")),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SessionListOptions:
    """How the list was left, for the next time."""

    order: Order = "updated"
    thoughts: bool = False
    at: str = ""
    """The session at the cursor."""


def read_options(stored: str | None) -> SessionListOptions:
    """What `write_options` wrote; the usual view for anything else."""
    try:
        data: Any = json.loads(stored or "{}")
        order, thoughts, at = data.get("order"), data.get("thoughts"), data.get("at")
    except (AttributeError, ValueError):
        return SessionListOptions()
    return SessionListOptions(
        order if order in ORDERS else "updated", thoughts is True, at if isinstance(at, str) else ""
    )


def write_options(view: SessionListOptions) -> str:
    return json.dumps(asdict(view))

"""The rows of the session list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.tui.dialogs.pick import Pick, Row
from stepchat.tui.meter import money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.sessions.store import SessionSummary


def pick_session(sessions: Sequence[SessionSummary], now: float) -> Pick:
    """Newest first, as they come; `now` is Unix time."""
    return Pick(
        "Sessions",
        [
            Row(
                row.id,
                row.title or "untitled",
                (
                    age(row.updated, now),
                    f"{row.turns} turn" + ("" if row.turns == 1 else "s"),
                    "" if row.cost is None else money(row.cost),
                ),
            )
            for row in sessions
        ],
        nothing="No session has these words in its title." if sessions else "No sessions yet.",
    )


def age(then: float, now: float) -> str:
    """How long ago, in one unit."""
    seconds = max(0, now - then)
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {name}"
    return "now"

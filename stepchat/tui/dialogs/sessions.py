"""The session list: the newest first, and what a search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.transcript.facts import money
from stepchat.tui.dialogs.pick import Pick, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.sessions.search import FoundSession
    from stepchat.sessions.store import SessionStore, SessionSummary


def pick_session(sessions: Sequence[SessionSummary], store: SessionStore, now: float) -> Pick:
    """Newest first, as they come. Typing searches titles, prompts and answers. `now` is Unix time."""

    async def search(typed: str) -> Sequence[Row] | None:
        page = await store.search(typed)
        return None if page is None else [_found(found, now) for found in page.sessions]

    rows = [_row(row, now) for row in sessions]
    return Pick("Sessions", rows, nothing="Nothing has these words." if sessions else "No sessions yet.", search=search)


def _row(row: SessionSummary, now: float, aside: str = "") -> Row:
    turns = f"{row.turns} turn" + ("" if row.turns == 1 else "s")
    cost = "" if row.cost is None else money(row.cost)
    return Row(row.id, row.title or "untitled", (age(row.updated, now), turns, cost), aside)


def _found(found: FoundSession, now: float) -> Row:
    """With the first hit beside it, unless that is the title."""
    hits = [hit.snippet.text for hit in found.hits if hit.field != "title"]
    return _row(found.summary, now, " ".join(hits[0].split())[:60] if hits else "")


def age(then: float, now: float) -> str:
    """How long ago, in one unit."""
    seconds = max(0, now - then)
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {name}"
    return "now"

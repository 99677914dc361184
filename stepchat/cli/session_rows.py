"""A session in the lists of `stepchat sessions`, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepchat.messages import Json
    from stepchat.sessions.search.search import FoundSession
    from stepchat.sessions.store import SessionSummary


def session_line(row: SessionSummary) -> str:
    """For people: its ID, when, how many turns, what it cost, its title."""
    from stepchat.transcript.labels import date, money

    cost = "" if row.cost is None else money(row.cost)
    turns = f"{row.turns} turn" + ("" if row.turns == 1 else "s")
    return f"{row.id}{'*' if row.pinned else ' '} {date(row.updated):>16}  {turns:>9}  {cost:>9}  {row.title or 'untitled'}"


def session_json(row: SessionSummary) -> Json:
    """For programs."""
    return {
        "id": row.id, "title": row.title, "created": row.created, "updated": row.updated,
        "messages": row.messages, "turns": row.turns, "model": row.model,
        "cost": None if row.cost is None else float(row.cost),
        "pinned": row.pinned, "archived": row.archived,
    }  # fmt: skip


def search_result_json(one: FoundSession) -> Json:
    """For programs, with what was found in it."""
    hits = [
        {"message": hit.message, "field": hit.field, "text": hit.snippet.text, "ranges": list(hit.snippet.ranges)}
        for hit in one.hits
    ]
    return {**session_json(one.summary), "hits": hits}

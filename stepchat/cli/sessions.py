"""`stepchat sessions`: list, search, show, rename, delete, pin, archive. Every command has --json."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stepchat.cli.completion import SessionParameter
from stepchat.cli.context import HELP, CommandGroup, Invocation, WordsCommand, json_option, pass_invocation
from stepchat.cli.transfer import export_session, export_to, import_sessions
from stepchat.errors import SessionNotFoundError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stepchat.messages import Json
    from stepchat.sessions.records import Session, SessionSummary
    from stepchat.sessions.search.search import FoundSession
    from stepchat.sessions.store import SessionStore


@click.group(cls=CommandGroup, context_settings=HELP)
def sessions() -> None:
    """Stored sessions. A SESSION is an ID, the beginning of one (at least four characters), or words of its title or text."""


@sessions.command("list")
@json_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--all", "every", is_flag=True, help="No limit.")
@click.option("--archived", is_flag=True, help="The archived ones instead.")
@click.option("--deleted", is_flag=True, help="The deleted ones that can still be restored instead.")
@pass_invocation
def list_sessions(
    invocation: Invocation, *, as_json: bool, limit: int, every: bool, archived: bool, deleted: bool
) -> int:
    """List sessions, newest first."""
    output = invocation.output

    async def work(store: SessionStore) -> None:
        # Deleted sessions are listed whether archived or not.
        found = await store.sessions(-1 if every else limit, archived=None if deleted else archived, deleted=deleted)
        if as_json:
            output.write_json([_summary_json(row) for row in found])
            return
        if not found:
            output.print_notice("No such sessions." if archived or deleted else "No sessions yet. Start one: stepchat")
        for row in found:
            output.write_line(_summary_line(row))

    return invocation.with_store(work, reading=True)


@sessions.command("search", cls=WordsCommand)
@click.argument("words", nargs=-1, required=True)
@click.option("--reasoning", is_flag=True, help="Search the reasoning as well.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many sessions.")
@json_option
@pass_invocation
def search_sessions(
    invocation: Invocation, words: tuple[str, ...], *, reasoning: bool, limit: int, as_json: bool
) -> int:
    """Find sessions with these words in title, prompts or answers, newest first."""
    output = invocation.output

    async def work(store: SessionStore) -> None:
        from stepchat.sessions.search.search import ALL_FIELDS, USUAL_FIELDS, SearchOptions

        await store.finish_index()
        fields = ALL_FIELDS if reasoning else USUAL_FIELDS
        # The space marks the last word as complete.
        page = await store.search(" ".join(words) + " ", SearchOptions(fields=fields, limit=limit))
        found = page.sessions if page is not None else ()
        if as_json:
            output.write_json([_found_json(session) for session in found])
            return
        if not found:
            output.print_notice("No matches.")
        for session in found:
            output.write_line(_summary_line(session.summary))
            for hit in session.hits:
                output.write_line(f"    {hit.field}: {hit.snippet.text}")

    return invocation.with_store(work, reading=True)


@sessions.command("show", cls=WordsCommand)
@click.argument("session", type=SessionParameter())
@click.option("--no-reasoning", is_flag=True, help="Leave out the reasoning.")
@click.option("--ledger", is_flag=True, help="Show the reasoning received with each answer and sent back, instead.")
@json_option
@pass_invocation
def show_session(invocation: Invocation, session: str, *, no_reasoning: bool, ledger: bool, as_json: bool) -> int:
    """Print a conversation as text, with $PAGER on a terminal; with --json, like `export`."""
    if ledger:
        return invocation.with_store(_ledger(invocation, session, as_json=as_json), reading=True)
    name = "json" if as_json else "markdown"
    return invocation.with_store(
        export_to(invocation, session, name, None, with_reasoning=not no_reasoning, paged=not as_json), reading=True
    )


@sessions.command("rename", cls=WordsCommand)
@click.argument("session", type=SessionParameter())
@click.argument("title", nargs=-1, required=True)
@json_option
@pass_invocation
def rename_session(invocation: Invocation, session: str, title: tuple[str, ...], *, as_json: bool) -> int:
    """Change a session's title. An empty one ('') restores the automatic title."""

    async def work(store: SessionStore) -> None:
        found = await store.find_unique(session)
        title_set = await store.set_title(found.id, " ".join(title))
        if as_json:
            invocation.output.write_json({"id": found.id, "title": title_set})
        else:
            invocation.output.write_line(f"{found.id}  {title_set}")

    return invocation.with_store(work)


@sessions.command("delete")
@click.argument("session", type=SessionParameter(), nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Restore deleted sessions.")
@json_option
@pass_invocation
def delete_sessions(invocation: Invocation, session: tuple[str, ...], *, undo: bool, as_json: bool) -> int:
    """Delete sessions. `--undo` restores them within 30 days."""
    output = invocation.output

    async def work(store: SessionStore) -> None:
        if undo:
            found = [await _deleted(store, wanted) for wanted in session]
            await store.undelete([one.id for one in found if one.deleted is not None])
            for one in found:
                if one.deleted is None:
                    output.print_notice(f"{one.id} is not deleted.")
        else:
            found = [await store.find_unique(wanted) for wanted in session]
            await store.delete([one.id for one in found])
        if as_json:
            output.write_json([one.id for one in found])
            return
        for one in found:
            output.write_line(f"{one.id}  {one.title}")
        if not undo:
            output.print_notice(f"Undo: stepchat sessions delete --undo {' '.join(one.id for one in found)}")

    return invocation.with_store(work)


async def _deleted(store: SessionStore, wanted: str) -> Session:
    """The deleted session with this name, otherwise one that is not deleted. Raises SessionNotFoundError."""
    try:
        return await store.find(wanted, deleted=True)
    except SessionNotFoundError as error:
        try:
            return await store.find(wanted)
        except SessionNotFoundError:
            raise error from None


@sessions.command("pin")
@click.argument("session", type=SessionParameter(), nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Unpin them.")
@json_option
@pass_invocation
def pin_sessions(invocation: Invocation, session: tuple[str, ...], *, undo: bool, as_json: bool) -> int:
    """Keep sessions at the top of the session screen."""

    async def work(store: SessionStore) -> None:
        found = [await store.find_unique(text) for text in session]
        await store.set_pinned([one.id for one in found], pinned=not undo)
        _print_changed(invocation, found, "pinned", value=not undo, as_json=as_json)

    return invocation.with_store(work)


@sessions.command("archive")
@click.argument("session", type=SessionParameter(), nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Unarchive them.")
@json_option
@pass_invocation
def archive_sessions(invocation: Invocation, session: tuple[str, ...], *, undo: bool, as_json: bool) -> int:
    """Archive sessions: lists omit them, searches still find them."""

    async def work(store: SessionStore) -> None:
        found = [await store.find_unique(text) for text in session]
        await store.set_archived([one.id for one in found], archived=not undo)
        _print_changed(invocation, found, "archived", value=not undo, as_json=as_json)

    return invocation.with_store(work)


def _print_changed(invocation: Invocation, found: list[Session], name: str, *, value: bool, as_json: bool) -> None:
    if as_json:
        invocation.output.write_json([{"id": one.id, "title": one.title, name: value} for one in found])
        return
    for one in found:
        invocation.output.write_line(f"{one.id}  {one.title or 'untitled'}")


def _ledger(invocation: Invocation, wanted: str, *, as_json: bool) -> Callable[[SessionStore], Awaitable[None]]:
    output = invocation.output

    async def work(store: SessionStore) -> None:
        from stepchat.reasoning import ledger

        session = await store.find(wanted)
        sendings = await store.reasoning_sent(session.id)
        accounts = ledger.reasoning_accounts(await store.path(session.id), sendings)
        if as_json:
            output.write_json([ledger.account_json(account) for account in accounts])
            return
        for account in accounts:
            output.write_line(f"{account.id}  {account.message.model or account.message.model_asked}")
            for line in ledger.account_lines(account):
                output.write_line(f"    {line}")

    return work


def _summary_line(row: SessionSummary) -> str:
    """ID, time, turns, cost and title, and which session it is a fork of."""
    from stepchat.text.format import date, money

    cost = "" if row.cost is None else money(row.cost)
    turns = f"{row.turns} turn" + ("" if row.turns == 1 else "s")
    title = f"{row.title or 'untitled'}{f' (fork of {row.forked_from})' if row.forked_from else ''}"
    return f"{row.id}{'*' if row.pinned else ' '} {date(row.updated):>16}  {turns:>9}  {cost:>9}  {title}"


def _summary_json(row: SessionSummary) -> Json:
    return {
        "id": row.id, "title": row.title, "created": row.created, "updated": row.updated,
        "messages": row.messages, "turns": row.turns, "model": row.model,
        "cost": None if row.cost is None else float(row.cost),
        "pinned": row.pinned, "archived": row.archived,
        **({} if row.forked_from is None else {"forked_from": row.forked_from}),
    }  # fmt: skip


def _found_json(session: FoundSession) -> Json:
    """A session with its search hits."""
    hits = [
        {"message": hit.message, "field": hit.field, "text": hit.snippet.text, "ranges": list(hit.snippet.ranges)}
        for hit in session.hits
    ]
    return {**_summary_json(session.summary), "hits": hits}


sessions.add_command(export_session)
sessions.add_command(import_sessions)

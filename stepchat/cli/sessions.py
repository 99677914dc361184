"""`stepchat sessions`: what is kept, from the shell. Every command has --json."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stepchat.cli import session_rows as rows
from stepchat.cli.completion import SessionParameter
from stepchat.cli.context import as_json_option, print_json, print_line, with_store
from stepchat.cli.transfer import export_session, exporting, import_sessions
from stepchat.errors import SessionNotFoundError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stepchat.cli.ask import Output
    from stepchat.sessions.records import Session
    from stepchat.sessions.store import SessionStore


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def sessions() -> None:
    """What is kept. A SESSION is an ID, its beginning (four characters at least), or words of its title or text."""


@sessions.command("list")
@as_json_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@click.option("--all", "every", is_flag=True, help="However many there are.")
@click.option("--archived", is_flag=True, help="The archived ones instead.")
@click.option("--deleted", is_flag=True, help="Those that were deleted and are not gone yet.")
def list_sessions(*, as_json: bool, limit: int, every: bool, archived: bool, deleted: bool) -> int:
    """The sessions, newest first."""

    async def work(store: SessionStore, output: Output) -> None:
        # Whether one was archived before it was deleted is no matter.
        found = await store.sessions(-1 if every else limit, archived=None if deleted else archived, deleted=deleted)
        if as_json:
            print_json(output, [rows.session_json(row) for row in found])
            return
        if not found:
            output.print_notice("No such sessions." if archived or deleted else "No sessions yet. Start one: stepchat")
        for row in found:
            print_line(output, rows.session_line(row))

    return with_store(work)


@sessions.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("--reasoning", is_flag=True, help="Look into the reasoning, too.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1))
@as_json_option
def search_sessions(words: tuple[str, ...], *, reasoning: bool, limit: int, as_json: bool) -> int:
    """Sessions with these words in title, prompts or answers, newest first."""

    async def work(store: SessionStore, output: Output) -> None:
        from stepchat.sessions.search.search import ALL_FIELDS, USUAL_FIELDS, SearchOptions

        await store.finish_index()
        fields = ALL_FIELDS if reasoning else USUAL_FIELDS
        # The space says that the last word is whole.
        page = await store.search(" ".join(words) + " ", SearchOptions(fields=fields, limit=limit))
        found = page.sessions if page is not None else ()
        if as_json:
            print_json(output, [rows.search_result_json(session) for session in found])
            return
        if not found:
            output.print_notice("Nothing has these words.")
        for session in found:
            print_line(output, rows.session_line(session.summary))
            for hit in session.hits:
                print_line(output, f"    {hit.field}: {hit.snippet.text}")

    return with_store(work)


@sessions.command("show")
@click.argument("session", type=SessionParameter())
@click.option("--no-reasoning", is_flag=True, help="Without the thoughts.")
@click.option("--ledger", is_flag=True, help="What reasoning came with each answer, and what went back, instead.")
@as_json_option
def show_session(session: str, *, no_reasoning: bool, ledger: bool, as_json: bool) -> int:
    """The conversation as text, or with --json as `export` gives it."""
    if ledger:
        return with_store(_ledger(session, as_json=as_json))
    return with_store(exporting(session, "json" if as_json else "markdown", None, with_reasoning=not no_reasoning))


@sessions.command("rename")
@click.argument("session", type=SessionParameter())
@click.argument("title", nargs=-1, required=True)
@as_json_option
def rename_session(session: str, title: tuple[str, ...], *, as_json: bool) -> int:
    """Give a session another title; an empty one ('') brings back the automatic one."""

    async def work(store: SessionStore, output: Output) -> None:
        found = await store.find_unique(session)
        kept = await store.set_title(found.id, " ".join(title))
        if as_json:
            print_json(output, {"id": found.id, "title": kept})
        else:
            print_line(output, f"{found.id}  {kept}")

    return with_store(work)


@sessions.command("delete")
@click.argument("session", type=SessionParameter(), nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Bring deleted sessions back.")
@as_json_option
def delete_sessions(session: tuple[str, ...], *, undo: bool, as_json: bool) -> int:
    """Delete sessions. For 30 days `--undo` brings them back."""

    async def work(store: SessionStore, output: Output) -> None:
        if undo:
            found = [await _deleted(store, wanted) for wanted in session]
            await store.undelete([one.id for one in found if one.deleted is not None])
            for one in found:
                if one.deleted is None:
                    output.print_notice(f"{one.id} is not deleted; it is there.")
        else:
            found = [await store.find_unique(wanted) for wanted in session]
            await store.delete([one.id for one in found])
        if as_json:
            print_json(output, [one.id for one in found])
            return
        for one in found:
            print_line(output, f"{one.id}  {one.title}")
        if not undo:
            output.print_notice(f"Back again: stepchat sessions delete --undo {' '.join(one.id for one in found)}")

    return with_store(work)


async def _deleted(store: SessionStore, wanted: str) -> Session:
    """The deleted session, or the one that is there already. Raises SessionNotFoundError."""
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
@as_json_option
def pin_sessions(session: tuple[str, ...], *, undo: bool, as_json: bool) -> int:
    """Keep sessions at the top of the session screen."""
    return with_store(
        _marking(
            session, lambda store, ids: store.set_pinned(ids, pinned=not undo), "pinned", not undo, as_json=as_json
        )
    )


@sessions.command("archive")
@click.argument("session", type=SessionParameter(), nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Take them out of the archive.")
@as_json_option
def archive_sessions(session: tuple[str, ...], *, undo: bool, as_json: bool) -> int:
    """Put sessions out of the way: lists leave them out, searches still find them."""
    return with_store(
        _marking(
            session,
            lambda store, ids: store.set_archived(ids, archived=not undo),
            "archived",
            not undo,
            as_json=as_json,
        )
    )


def _marking(
    wanted: tuple[str, ...],
    mark: Callable[[SessionStore, list[str]], Awaitable[None]],
    name: str,
    value: bool,  # noqa: FBT001 - it goes into the JSON as it is
    *,
    as_json: bool,
) -> Callable[[SessionStore, Output], Awaitable[None]]:
    async def work(store: SessionStore, output: Output) -> None:
        found = [await store.find_unique(text) for text in wanted]
        await mark(store, [one.id for one in found])
        if as_json:
            print_json(output, [{"id": one.id, "title": one.title, name: value} for one in found])
            return
        for one in found:
            print_line(output, f"{one.id}  {one.title or 'untitled'}")

    return work


def _ledger(wanted: str, *, as_json: bool) -> Callable[[SessionStore, Output], Awaitable[None]]:
    async def work(store: SessionStore, output: Output) -> None:
        from stepchat.reasoning import ledger_report

        session = await store.find(wanted)
        sendings = await store.exchanges.reasoning_sent(session.id)
        accounts = ledger_report.reasoning_accounts(await store.path(session.id), sendings)
        if as_json:
            print_json(output, [ledger_report.account_json(account) for account in accounts])
            return
        for account in accounts:
            print_line(output, f"{account.id}  {account.message.model or account.message.model_asked}")
            for line in ledger_report.account_lines(account):
                print_line(output, f"    {line}")

    return work


sessions.add_command(export_session)
sessions.add_command(import_sessions)

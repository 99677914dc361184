"""`stepchat sessions export` and `import`."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepchat.cli.completion import SessionParameter
from stepchat.cli.context import HELP, Invocation, json_option, pass_invocation
from stepchat.errors import SessionNotFoundError, StepchatError, StoreError, UsageError
from stepchat.sessions.export.formats import FORMATS, ExportOptions, export, format_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stepchat.messages import Attachment
    from stepchat.sessions.export.formats import ToApi
    from stepchat.sessions.importing.values import ImportedSession
    from stepchat.sessions.store import SessionStore

_CANDIDATES = 8


_EXPORT_HELP = (
    "Export a session to a file or to stdout.\n\n\b\nFormats:\n"
    + "\n".join(f"  {row.name:<10} {row.suffix:<7} {row.summary}" for row in FORMATS.values())
    + "\n\nJSON contains all branches of a session; the other formats, and JSON with --leaf, contain one."
)


@click.command("export", context_settings=HELP, help=_EXPORT_HELP, short_help="Export a session.")
@click.argument("session", type=SessionParameter(), required=False)
@click.option("--all", "every", is_flag=True, help="All sessions.")
@click.option(
    "--leaf", metavar="MESSAGE", help="The branch that ends with this message (its ID or the beginning of it)."
)
@click.option(
    "--format",
    "name",
    type=click.Choice(list(FORMATS)),
    help="The format; by default that of the file's extension, or JSON.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json (lossless).")
@click.option("--no-reasoning", is_flag=True, help="Leave out the reasoning.")
@click.option("-o", "--output", "target", default="-", help="The file to write; - for stdout.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@pass_invocation
def export_session(
    invocation: Invocation,
    session: str | None,
    *,
    every: bool,
    leaf: str | None,
    name: str | None,
    as_json: bool,
    no_reasoning: bool,
    target: str,
    force: bool,
) -> int:
    if (session is None) != every or (every and leaf is not None):
        raise click.UsageError("Give one SESSION, perhaps with --leaf, or --all.")
    if as_json and name not in {None, "json"}:
        raise UsageError(f"--json and --format {name} name two formats.", "Give one of them.")
    chosen = "json" if as_json or (target == "-" and name is None) else name or format_of(target)
    if chosen is None:
        endings = ", ".join(row.suffix for row in FORMATS.values())
        raise UsageError(
            f"{target} has no extension that names a format.", f"Known extensions: {endings}. Or use --format."
        )
    file = None if target == "-" else Path(target)
    work = export_to(invocation, session, chosen, file, with_reasoning=not no_reasoning, leaf=leaf, force=force)
    return invocation.with_store(work, reading=True)


@click.command("import", context_settings=HELP)
@click.argument("files", metavar="FILE...", type=click.Path(path_type=Path, allow_dash=True), nargs=-1, required=True)
@json_option
@pass_invocation
def import_sessions(invocation: Invocation, files: tuple[Path, ...], *, as_json: bool) -> int:
    """Import sessions from files: stepchat's JSON, ChatGPT's export or llm's logs.db; - for stdin.

    ChatGPT's export can be conversations.json, its .zip or its unpacked folder. Importing a file twice adds nothing. If one
    file is faulty, nothing is imported.
    """
    # Read before the event loop starts, which would hold back Ctrl+C.
    incoming = _read_stdin() if Path("-") in files else []
    paths = [path for path in files if path != Path("-")]

    async def work(store: SessionStore) -> None:
        from stepchat.sessions.importing.importer import add_sessions, read_files

        done = await add_sessions(store, incoming + await asyncio.to_thread(read_files, paths))
        if as_json:
            invocation.output.write_json(done.as_json())
        else:
            invocation.output.write_line(f"{done.describe()}.")

    return invocation.with_store(work)


def _read_stdin() -> list[ImportedSession]:
    from stepchat.sessions.importing.importer import read_stream

    return read_stream(sys.stdin.buffer, "stdin")


def export_to(
    invocation: Invocation,
    wanted: str | None,
    name: str,
    file: Path | None,
    *,
    with_reasoning: bool,
    leaf: str | None = None,
    force: bool = False,
    paged: bool = False,
) -> Callable[[SessionStore], Awaitable[None]]:
    """Write one session, or all if none is named. Of all sessions, those that cannot be written are reported."""
    output = invocation.output

    async def work(store: SessionStore) -> None:
        from stepchat.sessions.export.files import FilesBeside, write_file

        left_out: list[str] = []

        def leave_out(session: str, error: StepchatError) -> None:
            left_out.append(session)
            output.print_notice(f"{session} is left out. {error}")

        ids = None if wanted is None else [(await store.find(wanted)).id]
        to_api = await _request_builder(invocation, store) if name == "jsonl" else None
        beside = None if file is None else FilesBeside(file)
        options = ExportOptions(with_reasoning=with_reasoning, to_api=to_api)
        if beside is not None:
            options = replace(options, link=beside.link)
        elif paged:
            # For reading: an image as base64 is of no use there.
            options = replace(options, link=_no_link)
        end = None if leaf is None or ids is None else await _message_id(store, ids[0], leaf)
        pieces = export(store, name, ids, options, leaf=end, leave_out=leave_out if ids is None else None)
        if file is not None and beside is not None:
            await write_file(file, pieces, overwrite=force)
            await beside.write()
            output.print_notice(f"Wrote {file}.")
        elif paged:
            output.write_markdown("".join([piece async for piece in pieces]))
        else:
            async for piece in pieces:
                output.write(_safe_for_stdout(piece, escape_as_json=name in {"json", "jsonl"}))
        if left_out:
            count = "1 session" if len(left_out) == 1 else f"{len(left_out)} sessions"
            raise StoreError(f"The export lacks {count}.", "The rest was written.")

    return work


def _no_link(_attachment: Attachment, _content: bytes) -> str:
    return ""


async def _request_builder(invocation: Invocation, store: SessionStore) -> ToApi:
    from stepchat.chat.workspace import continuation_request_builder

    return await continuation_request_builder(store, invocation.config, invocation.environ, invocation.paths.models)


async def _message_id(store: SessionStore, session_id: str, beginning: str) -> str:
    """The message of this session whose ID begins like this. Raises StoreError."""
    found = [row.id for row in await store.messages(session_id) if beginning and row.id.startswith(beginning.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(found[:_CANDIDATES]) + (" and more" if len(found) > _CANDIDATES else "")
        raise StoreError(f"{beginning!r} is the beginning of several IDs: {names}.", "Give more of it.")
    raise SessionNotFoundError(
        f"There is no message {beginning!r} in the session {session_id}.",
        f"`stepchat sessions show {session_id} --json` lists the IDs.",
    )


def _safe_for_stdout(text: str, *, escape_as_json: bool) -> str:
    """The exact text for a pipe; for a terminal or an encoding other than UTF-8, without control characters and unencodable ones."""
    from stepchat import lossless_json
    from stepchat.text.sanitize import sanitize

    unicode = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    if not escape_as_json:
        return sanitize(text) if sys.stdout.isatty() else text
    if not sys.stdout.isatty() and unicode:
        return text
    # Still the same JSON.
    return "".join(
        char if sanitize(char) == char and (unicode or char.isascii()) else lossless_json.dumps(char)[1:-1]
        for char in text
    )

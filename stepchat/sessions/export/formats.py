"""The table of export formats. To add a format, add a function and a row of FORMATS.

JSON is lossless: importing it gives equal messages.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from stepchat import lossless_json, messages
from stepchat.attachments.content import data_url
from stepchat.errors import StepchatError, UsageError
from stepchat.messages import AssistantMessage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from datetime import tzinfo

    from stepchat.messages import Json, Message, StoredMessage
    from stepchat.sessions.export.markdown import Link
    from stepchat.sessions.records import Reader, Session, SessionContent

ToApi: TypeAlias = "Callable[[Session, Sequence[Message], Mapping[str, bytes]], Json]"
"""The body of the request that would continue these messages, with the contents of their attachments by digest."""

FORMAT: Final = "stepchat-session"
FORMAT_OF_MANY: Final = "stepchat-sessions"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """`zone` is the time zone; None means this machine's. JSONL needs `to_api`."""

    with_reasoning: bool = True
    zone: tzinfo | None = None
    to_api: ToApi | None = None
    link: Link = data_url
    """The address of attached images and PDFs in Markdown; by default they are part of the text."""


@dataclass(frozen=True, slots=True)
class Format:
    """A row of the table: how one session, or several, become a file."""

    name: str
    suffix: str
    summary: str
    """For help and completion."""
    whole_tree: bool
    """Whether a session is exported with all its branches, or only with the one it shows."""
    one: Callable[[SessionContent, ExportOptions], str]
    head: Callable[[str], str] = lambda _: ""
    """Makes the beginning of a file with several sessions from a title."""
    between: str = ""
    tail: str = ""
    always: bool = False
    """Whether a single session has a head and a tail as well."""


def format_of(path: str) -> str | None:
    """The format that the extension of a file name stands for, or None."""
    suffix = path.rpartition("/")[2].rpartition(".")[2].lower()
    suffix = {"htm": "html", "markdown": "md"}.get(suffix, suffix)
    return next((form.name for form in FORMATS.values() if form.suffix == f".{suffix}"), None)


async def export(
    store: Reader,
    name: str,
    session_ids: Sequence[str] | None,
    options: ExportOptions,
    *,
    leaf: str | None = None,
    leave_out: Callable[[str, StepchatError], None] | None = None,
) -> AsyncGenerator[str]:
    """The text of a file in pieces, one session after the other. Every piece can be encoded as UTF-8.

    Without IDs it contains all sessions, archived ones included, newest first. `leaf` selects the branch to that message.
    Raises UsageError for an unknown format, SessionNotFoundError and StoreError. With `leave_out`, a session that cannot
    be exported is passed to it with its error, and the others are exported.
    """
    if name not in FORMATS:
        raise UsageError(f"There is no export format {name!r}.", f"Formats: {', '.join(FORMATS)}.")
    form = FORMATS[name]
    chosen = await store.session_ids() if session_ids is None else session_ids
    framed = form.always or session_ids is None or len(chosen) != 1
    begun = False
    for session_id in chosen:
        try:
            content = await store.content(session_id, leaf, whole_tree=form.whole_tree)
            text = form.one(content if options.with_reasoning else without_reasoning(content), options)
        except StepchatError as error:
            if leave_out is None:
                raise
            leave_out(session_id, error)
            continue
        if framed:
            title = content.session.title if len(chosen) == 1 else ""
            yield form.between if begun else form.head(title or "Sessions")
        yield text
        begun = True
    if framed:
        yield form.tail if begun else form.head("Sessions") + form.tail


def without_reasoning(content: SessionContent) -> SessionContent:
    """The content without the reasoning of its answers."""
    return replace(
        content,
        messages=tuple(
            replace(stored, message=without_message_reasoning(stored.message))
            if isinstance(stored.message, AssistantMessage)
            else stored
            for stored in content.messages
        ),
    )


def without_message_reasoning(message: AssistantMessage) -> AssistantMessage:
    """The answer without its reasoning."""
    # Some servers report the probabilities of reasoning tokens, too.
    covered = "".join(str(entry.get("token", "")) for entry in message.logprobs)
    return replace(
        message, reasoning="", reasoning_details=None, logprobs=message.logprobs if covered == message.text else ()
    )


def export_json(session: Session, stored: Sequence[StoredMessage], files: Mapping[str, bytes] | None = None) -> str:
    """One JSON object: `format`, `version`, `session`, `messages`, one per line, parents before their children, and `files`.

    `files` holds the content of attachments in base64 by digest, and is omitted if there are none. A message has `id`, `parent`, `folded` and `message` (see `messages.to_json`). Numbers keep their spelling and keys
    their order, so equal sessions give equal text. It ends with a newline and can always be encoded as UTF-8.
    """
    lines = ",\n".join(lossless_json.dumps_for_storage(_message(message)) for message in stored)
    return (
        f'{{"format":{lossless_json.dumps_for_storage(FORMAT)},"version":{VERSION},\n'
        f'"session":{lossless_json.dumps_for_storage(_session(session))},\n'
        f'"messages":[\n{lines}\n]{_files(files or {})}}}\n'
    )


def _files(files: Mapping[str, bytes]) -> str:
    if not files:
        return ""
    lines = ",\n".join(f'"{digest}":"{b64encode(content).decode()}"' for digest, content in sorted(files.items()))
    return f',\n"files":{{\n{lines}\n}}'


def _session(session: Session) -> Json:
    return {
        "id": session.id,
        "title": session.title,
        "title_edited": session.title_edited,
        "created": session.created,
        "updated": session.updated,
        "leaf": session.leaf,
        "model": session.model,
        "server": session.server,
        "system": session.system,
        "pinned": session.pinned,
        "archived": session.archived,
        "forked_from": session.forked_from,
        "forked_at": session.forked_at,
        # Omitted when empty, as in files that older versions wrote.
        **{name: value for name in _CHOICES if (value := getattr(session, name))},
    }


_CHOICES: Final = ("parameters", "profile", "preset")


def _message(stored: StoredMessage) -> Json:
    return {
        "id": stored.id,
        "parent": stored.parent,
        "folded": stored.folded,
        "message": messages.to_json(stored.message),
    }


def _json(content: SessionContent, _: ExportOptions) -> str:
    return export_json(content.session, content.messages, content.files)


def _jsonl(content: SessionContent, options: ExportOptions) -> str:
    if options.to_api is None:
        raise UsageError("JSONL needs messages as they are sent.", "Give `to_api`.")
    body = options.to_api(content.session, [stored.message for stored in content.messages], content.files)
    return lossless_json.dumps(body) + "\n"


def _markdown(content: SessionContent, options: ExportOptions) -> str:
    from stepchat.sessions.export.markdown import markdown

    return markdown(content, options.zone, options.link)


def _html(content: SessionContent, options: ExportOptions) -> str:
    from stepchat.sessions.export.html import html

    return html(content, options.zone)


def _html_head(title: str) -> str:
    from stepchat.sessions.export.html import head

    return head(title)


def _json_head(_: str) -> str:
    return f'{{"format":{lossless_json.dumps_for_storage(FORMAT_OF_MANY)},"version":{VERSION},\n"sessions":[\n'


FORMATS: Final[dict[str, Format]] = {
    form.name: form
    for form in (
        Format("markdown", ".md", "for reading", False, _markdown, between="\n"),
        Format(
            "html",
            ".html",
            "for reading, one file without scripts",
            False,
            _html,
            _html_head,
            tail="</body>\n</html>\n",
            always=True,
        ),
        Format("json", ".json", "lossless, with all branches", True, _json, _json_head, ",\n", "]}\n"),
        Format("jsonl", ".jsonl", "API messages, ready to send", False, _jsonl),
    )
}

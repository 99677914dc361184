"""Sessions as files. JSON is lossless: what it holds can be read back to equal messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat import exact_json, messages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import Json, StoredMessage
    from stepchat.sessions.records import Session

FORMAT: Final = "stepchat-session"
VERSION: Final = 1


def export_json(session: Session, stored: Sequence[StoredMessage]) -> str:
    """One JSON object: `format`, `version`, `session`, and `messages`, one a line, parents before their children.

    A message has `id`, `parent`, `folded` and `message`, which is the form of `messages.to_json`. Numbers keep their
    spelling and keys their order, so equal sessions give equal text. It ends with a newline and can always be encoded
    as UTF-8.
    """
    lines = ",\n".join(exact_json.stored(_message(message)) for message in stored)
    return (
        f'{{"format":{exact_json.stored(FORMAT)},"version":{VERSION},\n'
        f'"session":{exact_json.stored(_session(session))},\n'
        f'"messages":[\n{lines}\n]}}\n'
    )


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
    }


def _message(stored: StoredMessage) -> Json:
    return {
        "id": stored.id,
        "parent": stored.parent,
        "folded": stored.folded,
        "message": messages.to_json(stored.message),
    }

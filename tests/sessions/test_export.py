from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from stepchat import exact_json, messages
from stepchat.draft import fold
from stepchat.messages import AssistantMessage, Message, StoredMessage, UserMessage
from stepchat.sessions.export import export_json
from stepchat.sessions.records import Session
from stepchat.sessions.store import SessionStore
from tests.sessions import samples

if TYPE_CHECKING:
    from stepchat.paths import Paths

_SESSION = Session("a1", "Title", 1.5, 2.25, "m2", "step", "https://example.org", "Be \ud800 brief.")


def _rebuilt(text: str) -> tuple[Session, list[StoredMessage]]:
    data = exact_json.loads(text)
    assert (data["format"], data["version"]) == ("stepchat-session", 1)
    session = Session(**data["session"])
    stored = [
        StoredMessage(entry["id"], session.id, entry["parent"], messages.from_json(entry["message"]), entry["folded"])
        for entry in data["messages"]
    ]
    return session, stored


@given(st.lists(samples.any_message, max_size=4), samples.texts, st.sampled_from([None, True, False]))
def test_an_export_can_be_read_back_without_loss(said: list[Message], system: str, folded: bool | None) -> None:
    session = Session("a1", "Title", 1.5, 2.25, None, "step", "https://example.org", system)
    stored = [
        StoredMessage(f"m{n}", "a1", f"m{n - 1}" if n else None, message, folded) for n, message in enumerate(said)
    ]
    text = export_json(session, stored)
    text.encode()
    assert _rebuilt(text) == (session, stored)
    assert export_json(*_rebuilt(text)) == text


def test_the_bytes_are_stable() -> None:
    stored = [
        StoredMessage("m1", "a1", None, UserMessage("Hé", 1.0)),
        StoredMessage("m2", "a1", "m1", AssistantMessage()),
    ]
    lines = export_json(_SESSION, stored).splitlines()
    assert lines[0] == '{"format":"stepchat-session","version":1,'
    assert lines[1] == (
        '"session":{"id":"a1","title":"Title","title_edited":false,"created":1.5,"updated":2.25,"leaf":"m2",'
        r'"model":"step","server":"https://example.org","system":"Be \ud800 brief.","pinned":false,"archived":false},'
    )
    assert lines[2] == '"messages":['
    assert lines[3] == '{"id":"m1","parent":null,"folded":null,"message":{"role":"user","content":"Hé","time":1.0}},'
    assert lines[5] == "]}"


def test_an_empty_session_is_valid_too() -> None:
    assert _rebuilt(export_json(_SESSION, [])) == (_SESSION, [])


async def test_a_session_from_disk_survives_export(paths: Paths) -> None:
    details = (exact_json.loads('{"type":"new.kind","n":1.10,"k":[]}'), {"type": "reasoning.text", "text": "\udc00"})
    store = SessionStore.open(paths, fold=fold)
    session = await store.create(model="step", server="s", system=None)
    question = await store.append(session.id, None, UserMessage("q", 1.0))
    await store.append(session.id, question.id, AssistantMessage(text="a", reasoning_details=details))
    await store.append(session.id, question.id, AssistantMessage(text="b", reasoning_details=()))
    await store.close()
    again = SessionStore.open(paths, fold=fold)
    try:
        session, tree = await again.session(session.id), await again.messages(session.id)
    finally:
        await again.close()
    text = export_json(session, tree)
    assert '"n":1.10' in text
    assert _rebuilt(text) == (session, tree)
    assert [stored.message.reasoning_details for stored in tree[1:]] == [details, ()]

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat import lossless_json, messages
from stepchat.chat.accumulator import accumulate
from stepchat.errors import SessionNotFoundError, UsageError
from stepchat.messages import AssistantMessage, Message, StoredMessage, UserMessage
from stepchat.sessions.export.formats import FORMATS, ExportOptions, export, export_json, without_reasoning
from stepchat.sessions.records import Session, SessionContent
from stepchat.sessions.store import SessionStore
from tests.sessions import samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stepchat.config.paths import Paths
    from stepchat.messages import Json

_SESSION = Session("a1", "Title", 1.5, 2.25, "m2", "step", "https://example.org", "Be \ud800 brief.")


def _rebuilt(text: str) -> tuple[Session, list[StoredMessage]]:
    data = lossless_json.loads(text)
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
        r'"model":"step","server":"https://example.org","system":"Be \ud800 brief.","pinned":false,"archived":false,'
        '"forked_from":null,"forked_at":null},'
    )
    assert lines[2] == '"messages":['
    assert lines[3] == '{"id":"m1","parent":null,"folded":null,"message":{"role":"user","content":"Hé","time":1.0}},'
    assert lines[5] == "]}"


def test_an_empty_session_is_valid_too() -> None:
    assert _rebuilt(export_json(_SESSION, [])) == (_SESSION, [])


async def test_a_session_from_disk_survives_export(paths: Paths) -> None:
    details = (lossless_json.loads('{"type":"new.kind","n":1.10,"k":[]}'), {"type": "reasoning.text", "text": "\udc00"})
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="step", server="s", system=None)
    question = await store.append(session.id, None, UserMessage("q", 1.0))
    await store.append(session.id, question.id, AssistantMessage(text="a", reasoning_details=details))
    await store.append(session.id, question.id, AssistantMessage(text="b", reasoning_details=()))
    await store.close()
    again = SessionStore.open(paths, accumulate=accumulate)
    try:
        session, tree = await again.session(session.id), await again.messages(session.id)
    finally:
        await again.close()
    text = export_json(session, tree)
    assert '"n":1.10' in text
    assert _rebuilt(text) == (session, tree)
    assert [stored.message.reasoning_details for stored in tree[1:]] == [details, ()]


async def _tree(store: SessionStore, title: str) -> tuple[Session, StoredMessage]:
    """A session with two answers to one question; the first one is shown."""
    session = await store.create(model="step", server="s", system="brief")
    question = await store.append(session.id, None, UserMessage(title))
    details = ({"type": "reasoning.text", "text": "deep"},)
    shown = await store.append(
        session.id, question.id, AssistantMessage(text="one", reasoning="deep", reasoning_details=details)
    )
    await store.append(session.id, question.id, AssistantMessage(text="other"))
    await store.set_leaf(session.id, shown.id)
    return await store.session(session.id), shown


async def _text(store: SessionStore, name: str, ids: list[str] | None, leaf: str | None = None, **options: Any) -> str:
    return "".join([piece async for piece in export(store, name, ids, ExportOptions(zone=UTC, **options), leaf=leaf)])


async def test_json_holds_the_tree_and_a_branch_only_when_asked(store: SessionStore) -> None:
    session, shown = await _tree(store, "q")
    assert await _text(store, "json", [session.id]) == export_json(session, await store.messages(session.id))
    branch = lossless_json.loads(await _text(store, "json", [session.id], leaf=shown.id))
    assert [entry["message"]["content"] for entry in branch["messages"]] == ["q", "one"]
    other = next(stored for stored in await store.messages(session.id) if stored.message.text == "other")
    branch = lossless_json.loads(await _text(store, "json", [session.id], leaf=other.id))
    assert branch["session"]["leaf"] == other.id
    assert [entry["message"]["content"] for entry in branch["messages"]] == ["q", "other"]


async def test_all_sessions_are_one_json_file(store: SessionStore) -> None:
    assert lossless_json.loads(await _text(store, "json", None)) == {
        "format": "stepchat-sessions",
        "version": 1,
        "sessions": [],
    }
    one, two = (await _tree(store, "one"))[0], (await _tree(store, "two"))[0]
    gone = (await _tree(store, "gone"))[0]
    await store.delete([gone.id])
    await store.set_archived([one.id], archived=True)
    together = lossless_json.loads(await _text(store, "json", None))
    assert [entry["session"]["id"] for entry in together["sessions"]] == [two.id, one.id]
    assert together["sessions"][0] == lossless_json.loads(await _text(store, "json", [two.id]))
    chosen = lossless_json.loads(await _text(store, "json", [one.id, two.id]))
    assert [entry["session"]["id"] for entry in chosen["sessions"]] == [one.id, two.id]


async def test_the_formats_for_reading_show_one_branch(store: SessionStore) -> None:
    one, _ = await _tree(store, "question one")
    await _tree(store, "question two")
    for name in ("markdown", "html"):
        alone = await _text(store, name, [one.id])
        assert "deep" in alone
        assert "other\n" not in alone
        assert "1 message on another branch is not included" in alone
        assert "deep" not in await _text(store, name, [one.id], with_reasoning=False)
        both = await _text(store, name, None)
        assert both.index("question two") < both.index("question one")
    assert both.count("<html") == both.count("</html>") == both.count("<body>") == 1
    assert both.count("<article>") == 2
    assert "<title>question one</title>" in alone
    assert "<title>Sessions</title>" in both
    assert "<title>Sessions</title>" in await _text(store, "html", [])


async def test_jsonl_is_one_request_a_line(store: SessionStore) -> None:
    one, _ = await _tree(store, "one \u2028 \ud800")
    two, _ = await _tree(store, "two")

    def to_api(session: Session, said: Sequence[Message], _: Mapping[str, bytes]) -> Json:
        entries = [{"text": m.text, "details": getattr(m, "reasoning_details", None)} for m in said]
        return {"model": session.model, "system": session.system, "messages": entries}

    lines = (await _text(store, "jsonl", [one.id, two.id], to_api=to_api)).split("\n")
    assert lines.pop() == ""
    details = [{"type": "reasoning.text", "text": "deep"}]
    assert [lossless_json.loads(line) for line in lines] == [
        {
            "model": "step",
            "system": "brief",
            "messages": [{"text": question, "details": None}, {"text": "one", "details": details}],
        }
        for question in ("one \u2028 \ud800", "two")
    ]
    without = lossless_json.loads(await _text(store, "jsonl", [two.id], to_api=to_api, with_reasoning=False))
    assert without["messages"][1] == {"text": "one", "details": None}
    with pytest.raises(UsageError, match="to_api"):
        await _text(store, "jsonl", [one.id])


async def test_json_without_reasoning_can_be_read_back(store: SessionStore) -> None:
    session, _ = await _tree(store, "q")
    text = await _text(store, "json", [session.id], with_reasoning=False)
    assert "deep" not in text
    _, tree = _rebuilt(text)
    assert [stored.message.text for stored in tree] == ["q", "one", "other"]


async def test_what_cannot_be_exported_is_said(store: SessionStore) -> None:
    with pytest.raises(UsageError, match=r"no export format 'pdf'\. Formats: markdown, html, json, jsonl\."):
        await _text(store, "pdf", None)
    for name in FORMATS:
        with pytest.raises(SessionNotFoundError):
            await _text(store, name, ["x0gone"], to_api=lambda *_: {})


def test_probabilities_of_thoughts_go_with_the_reasoning():
    token, thought = {"token": "Hi", "logprob": -1}, {"token": "hm", "logprob": -1}
    session = Session("a1", "", 0, 0, None, "m", "s", None)

    def exported(*logprobs: Json) -> object:
        answer = AssistantMessage(text="Hi", reasoning="hm", logprobs=logprobs)
        (left,) = without_reasoning(SessionContent(session, (StoredMessage("m1", "a1", None, answer),))).messages
        return left.message

    assert exported(token) == AssistantMessage(text="Hi", logprobs=(token,))
    assert exported(thought, token) == AssistantMessage(text="Hi")

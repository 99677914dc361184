from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stepchat.errors import UsageError
from stepchat.messages import AssistantMessage, Timing, ToolCall, ToolMessage, UserMessage
from stepchat.sessions.importing.importer import import_file

if TYPE_CHECKING:
    from stepchat.messages import Message
    from stepchat.sessions.store import SessionStore


def _node(node: str, parent: str | None, role: str, content: Any, **more: Any) -> dict[str, Any]:
    if isinstance(content, str):
        content = {"content_type": "text", "parts": [content]}
    author = {"role": role, "name": more.pop("name", None), "metadata": {}}
    message = {
        "id": node, "author": author, "create_time": 1700000000.5, "update_time": None, "content": content,
        "status": "finished_successfully", "end_turn": True, "weight": 1.0, "metadata": {}, "recipient": "all",
    }  # fmt: skip
    return {"id": node, "parent": parent, "children": [], "message": message | more}


def _conversation(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    root = {"id": "root", "parent": None, "children": ["sys"], "message": None}
    return {
        "title": "My chat", "create_time": 1700000000.25, "update_time": 1700000009.0, "conversation_id": "c-1",
        "mapping": {node["id"]: node for node in (root, *nodes)}, "current_node": nodes[-1]["id"] if nodes else None,
        "is_archived": False, "default_model_slug": "gpt-4o",
    } | more  # fmt: skip


_CHAT = _conversation(
    _node("sys", "root", "system", "", metadata={"is_visually_hidden_from_conversation": True}),
    _node("ctx", "sys", "user", {"content_type": "user_editable_context", "user_profile": "secret"}),
    _node("u1", "ctx", "user", "Why \ud800?"),
    _node("t1", "u1", "assistant", {"content_type": "thoughts", "thoughts": [{"summary": "Looking", "content": "Hm."}, {"summary": "", "content": "So."}]}),
    _node("r1", "t1", "assistant", {"content_type": "reasoning_recap", "content": "Thought for 3s"}),
    _node("a1", "r1", "assistant", "Because\ue200cite\ue202turn0search1\ue201.", metadata={"model_slug": "o3", "finish_details": {"type": "max_tokens"}}),
    _node("a2", "u1", "assistant", "Other answer", metadata={"model_slug": "gpt-4o"}),
    _node("u2", "a2", "user", {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}, "What is it?"]}),
    _node("call", "u2", "assistant", {"content_type": "code", "language": "python", "text": "1+1"}, recipient="python"),
    _node("out", "call", "tool", {"content_type": "execution_output", "text": "2"}, name="python"),
    _node("empty", "out", "assistant", ""),
    _node("a3", "empty", "assistant", "Two."),
    current_node="a1",
)  # fmt: skip


async def _import(store: SessionStore, path: Path, data: Any) -> Any:
    path.write_text(json.dumps(data))
    return await import_file(store, path)


async def test_the_tree_is_kept(store: SessionStore, tmp_path: Path) -> None:
    imported = await _import(store, tmp_path / "conversations.json", [_CHAT])
    (session_id,) = imported.sessions
    session = await store.session(session_id)
    assert (session.title, session.created, session.updated, session.title_edited) == (
        "My chat",
        1700000000.25,
        1700000009.0,
        False,
    )
    # The branch that was shown there is shown here.
    question, answer = await store.path(session_id)
    assert question.message == UserMessage("Why \ud800?", 1700000000.5)
    assert answer.message == AssistantMessage(
        text="Because.",
        reasoning="Looking\n\nHm.\n\nSo.",
        stop="length",
        model_asked="o3",
        model="o3",
        timing=Timing(1700000000.5),
    )
    (other,) = [stored for stored in await store.siblings(answer.id) if stored.id != answer.id]
    path = await store.path(session_id, await store.deepest_leaf(other.id))
    assert [stored.message for stored in path[2:5]] == [
        UserMessage("[a picture that is not in the export]\n\nWhat is it?", 1700000000.5),
        AssistantMessage(
            tool_calls=(ToolCall("call", "python", '{"input":"1+1"}'),),
            stop="tool_calls",
            model_asked="gpt-4o",
            model="gpt-4o",
            timing=Timing(1700000000.5),
        ),
        ToolMessage("call", "python", "2"),
    ]
    assert [stored.message.text for stored in path[5:]] == ["Two."]
    assert imported.messages == 7


async def test_twice_adds_nothing_and_later_only_what_is_new(store: SessionStore, tmp_path: Path) -> None:
    first = await _import(store, tmp_path / "conversations.json", [_CHAT])
    again = await _import(store, tmp_path / "conversations.json", [_CHAT])
    assert (again.sessions, again.messages, again.known) == ((), 0, 1)
    longer = _CHAT | {
        "mapping": _CHAT["mapping"] | {"u9": _node("u9", "a1", "user", "And then?")},
        "current_node": "u9",
    }
    other = _conversation(_node("u1", "root", "user", "Another chat"), conversation_id="c-2", title=None)
    more = await _import(store, tmp_path / "conversations.json", [longer, other])
    assert (len(more.sessions), more.messages, more.known) == (1, 2, 1)
    assert [stored.message.text for stored in await store.path(first.sessions[0])] == [
        "Why \ud800?",
        "Because.",
        "And then?",
    ]
    assert (await store.session(more.sessions[0])).title == "Another chat"


async def test_an_archive_with_several_files(store: SessionStore, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(2):
            chat = _conversation(_node("u1", "root", "user", f"q{number}"), conversation_id=f"c-{number}", title="")
            archive.writestr(f"folder/conversations-00{number}.json", json.dumps([chat]))
        archive.writestr("user.json", "{}")
    imported = await import_file(store, tmp_path / "export.zip")
    assert len(imported.sessions) == 2
    assert sorted(row.title for row in await store.sessions()) == ["q0", "q1"]


async def test_reasoning_without_an_answer_is_kept(store: SessionStore, tmp_path: Path) -> None:
    chat = _conversation(
        _node("u1", "root", "user", "q"),
        _node("t1", "u1", "assistant", {"content_type": "thoughts", "thoughts": [{"summary": "Hm", "content": ""}]}),
    )
    imported = await _import(store, tmp_path / "a.json", chat)
    cut = AssistantMessage(reasoning="Hm", stop="cut", timing=Timing(1700000000.5))
    assert [stored.message for stored in await store.path(imported.sessions[0])][1:] == [cut]
    # Also where another question came instead, and without its being there twice.
    chat["mapping"]["u2"] = _node("u2", "t1", "user", "q again")
    imported = await _import(store, tmp_path / "a.json", chat | {"current_node": "u2"})
    assert imported.messages == 1
    (session,) = await store.sessions()
    assert [stored.message for stored in await store.path(session.id)][1:] == [
        cut,
        UserMessage("q again", 1700000000.5),
    ]


async def test_an_export_without_conversations_and_an_empty_one(store: SessionStore, tmp_path: Path) -> None:
    assert (await _import(store, tmp_path / "a.json", [])).sessions == ()
    for empty in (_conversation(), _conversation(mapping={}), _conversation(mapping=None), None):
        assert (await _import(store, tmp_path / "b.json", [empty, _conversation()])).sessions == ()
    assert await store.session_ids() == []


async def test_siblings_stand_as_their_parent_says(store: SessionStore, tmp_path: Path) -> None:
    chat = _conversation(
        _node("a3", "u", "assistant", "third"),
        _node("a2", "u", "assistant", "second"),
        _node("a1", "u", "assistant", "first"),
        _node("u", "root", "user", "q"),
        current_node="a2",
    )
    chat["mapping"]["u"]["children"] = ["a1", "a2", "gone"]
    (session_id,) = (await _import(store, tmp_path / "a.json", chat)).sessions
    shown = (await store.path(session_id))[-1]
    assert shown.message.text == "second"
    assert [stored.message.text for stored in await store.siblings(shown.id)] == ["first", "second", "third"]


async def test_what_the_user_told_for_every_conversation_is_the_system_prompt(
    store: SessionStore, tmp_path: Path
) -> None:
    context = {"content_type": "user_editable_context", "user_profile": "about me", "user_instructions": "be brief"}
    typed = {"about_user_message": "I am Bo.", "about_model_message": "Be brief."}
    hidden = {"is_visually_hidden_from_conversation": True}
    for metadata, told in (
        (hidden, "about me\n\nbe brief"),
        ({"user_context_message_data": typed}, "I am Bo.\n\nBe brief."),
    ):
        chat = _conversation(
            _node("s0", "root", "system", "Not for people", metadata=hidden),
            _node("s1", "s0", "system", "You are a cook."),
            _node("d1", "s1", "developer", "Use grams."),
            _node("ctx", "d1", "user", context, metadata=metadata),
            _node("u", "ctx", "user", "q"),
            _node("d2", "u", "developer", "Use grams."),
            conversation_id=told,
        )  # fmt: skip
        (session_id,) = (await _import(store, tmp_path / "a.json", chat)).sessions
        assert (await store.session(session_id)).system == f"You are a cook.\n\nUse grams.\n\n{told}"
        assert [stored.message.text for stored in await store.path(session_id)] == ["q"]


async def test_odd_nodes_do_not_keep_the_others_out(store: SessionStore, tmp_path: Path) -> None:
    chat = _conversation(
        _node("u", "root", "user", "q", id=None, metadata=None),
        _node("none", "u", "assistant", None, author=None),
        _node("bare", "none", "assistant", {"content_type": "text", "parts": "One part"}),
        _node("robot", "bare", "robot", "Beep"),
        _node("voice", "damaged", "user", {"content_type": "multimodal_text", "parts": [
            {"content_type": "audio_transcription", "text": "Spoken"}, {"content_type": "audio_asset_pointer"}]}),
        _node("sound", "voice", "user", {"content_type": "multimodal_text", "parts": [
            None, {"content_type": "audio_asset_pointer"}, {"content_type": "new"}]}),
    )  # fmt: skip
    chat["mapping"]["damaged"] = None
    chat["mapping"]["robot"]["children"] = ["damaged"]
    (session_id,) = (await _import(store, tmp_path / "a.json", [None, chat])).sessions
    assert [stored.message.text for stored in await store.path(session_id)] == [
        "q",
        "One part",
        "Beep",
        "Spoken",
        "[a recording that is not in the export]\n\n[not in the export]",
    ]


async def test_no_time_is_made_up(store: SessionStore, tmp_path: Path) -> None:
    said = [_node("a", "u", "assistant", "a", create_time=None), _node("v", "a", "user", "v", create_time=1700000020)]
    for first, times, begun in (
        (None, {"create_time": "2023-11-14T22:13:20Z"}, 1700000000.0),
        (0, {"create_time": None}, 1700000020.0),
        (1700000010000, {"create_time": None, "update_time": None}, 1700000010.0),
    ):
        chat = _conversation(_node("u", "root", "user", "u", create_time=first), *said, conversation_id=begun, **times)
        chat["conversation_id"] = str(begun)
        (session_id,) = (await _import(store, tmp_path / "a.json", chat)).sessions
        session = await store.session(session_id)
        assert (session.created, session.updated) == (begun, max(begun, chat["update_time"] or 1700000020.0))
        question, answer, last = (stored.message for stored in await store.path(session_id))
        assert (question, answer, last) == (
            UserMessage("u", begun),
            AssistantMessage(text="a", model_asked="gpt-4o", model="gpt-4o", timing=Timing(begun)),
            UserMessage("v", 1700000020),
        )


async def test_how_long_it_thought_and_what_is_shown_of_it(store: SessionStore, tmp_path: Path) -> None:
    recap = {"content_type": "reasoning_recap", "content": "Thought for 12s"}
    chat = _conversation(
        _node("u", "root", "user", "q"),
        _node("r", "u", "assistant", recap, metadata={"finished_duration_sec": 12}),
        _node("a", "r", "assistant", "a"),
        _node("t", "u", "assistant", {"content_type": "thoughts", "thoughts": ["Hm."], "source_analysis_msg_id": "x"}),
        _node("r2", "t", "assistant", recap, metadata={"finished_duration_sec": 12}),
        _node("b", "r2", "assistant", "b"),
    )
    (session_id,) = (await _import(store, tmp_path / "a.json", chat)).sessions
    answers = [stored.message for stored in (await store.messages(session_id))[1:]]
    assert [getattr(answer, "reasoning", None) for answer in answers] == ["Thought for 12s", "Hm."]
    assert all(isinstance(answer, AssistantMessage) and answer.timing.reasoning_seconds == 12 for answer in answers)


def _circle() -> dict[str, Any]:
    return _conversation(_node("a", "b", "user", "x"), _node("b", "a", "user", "y"))


@pytest.mark.parametrize(
    ("chat", "said"),
    [
        (_conversation(mapping=[]), "[1].mapping: a list instead of an object"),
        (_conversation(mapping={"n": 5}), "[1].mapping['n']: a number instead of an object"),
        (_conversation(_node("n", "root", "user", 5)), "[1].mapping['n'].message.content: a number instead of an object"),
        (_conversation(_node("n", "root", "user", "x", author=None)), "[1].mapping['n'].message.author.role: nothing"),
        (_conversation(_node("n", "root", "user", "x", author={"role": 1})), "[1].mapping['n'].message.author.role: a number instead"),
        (_conversation(_node("n", "root", "user", "x", create_time="today")), "message.create_time: a text instead of a time"),
        (_conversation(_node("n", "root", "user", {"content_type": "text", "parts": 5})), "content.parts: a number instead of a list"),
        (_conversation(title=5), "[1].title: a number instead of a text"),
        (_circle(), "[1].mapping: its nodes form a circle"),
        (7, "[1]: a number instead of an object"),
    ],
)  # fmt: skip
async def test_a_wrong_place_is_named_and_nothing_comes_in(
    store: SessionStore, tmp_path: Path, chat: Any, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        await _import(store, tmp_path / "a.json", [_CHAT, chat])
    assert said in caught.value.message
    assert await store.session_ids() == []
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("conversations.json", json.dumps([_CHAT, chat]))
    with pytest.raises(UsageError, match=r"a\.zip cannot be imported\. conversations\.json\[1\]"):
        await import_file(store, tmp_path / "a.zip")


CASES = Path(__file__).parent / "cases"


async def _texts(store: SessionStore, path: Path) -> list[Message]:
    (session_id,) = (await import_file(store, path)).sessions
    return [stored.message for stored in await store.path(session_id)]


async def test_marks_become_words_and_links(store: SessionStore) -> None:
    answer = (await _texts(store, CASES / "chatgpt-entities-and-sources" / "input.json"))[-1]
    assert answer.text == (
        "The review by Ada Example notes that iron came early. ([Iron](https://example.org/iron))\n\n"
        "See [the survey](https://example.org/survey) and the end."
    )
    answer = (await _texts(store, CASES / "chatgpt-entities-and-sources" / "input-old.json"))[-1]
    assert answer.text == "Iron is old ([Iron](https://example.org/iron)) and useful."


@pytest.mark.parametrize(
    ("text", "metadata", "expected"),
    [
        ('By \ue200entity\ue202["people","Ada"]\ue201.', {}, "By Ada."),
        ("By \ue200entity\ue202{broken\ue201.", {}, "By."),
        ("By \ue200entity\ue202[1]\ue201 me", {"content_references": [7, {"matched_text": 1, "alt": 2}]}, "By me"),
        ("One\ue200cite\ue202turn0\ue201 two \ue200new kind\ue201\nthree \ue200x\ue201four", {}, "One two\nthree four"),
        ("\ue200url\ue202here\ue202javascript:alert(1)\ue201", {}, "here"),
        ("\ue200url\ue201x\ue202y", {}, "x\ue202y"),
        ("a【1†s】b【no mark】", {"citations": [{"start_ix": [], "metadata": {"url": "https://e.org"}}, 4]}, "ab【no mark】"),
        ("a【1†s】", {"citations": [{"start_ix": 1, "metadata": {"url": "javascript:1", "title": "t"}}]}, "a"),
        ("a【1†s】", {"citations": [{"start_ix": 1, "metadata": {"url": "https://e.org"}}]}, "a ([https://e.org](https://e.org))"),
    ],
)  # fmt: skip
async def test_marks_of_any_form_do_no_harm(
    store: SessionStore, tmp_path: Path, text: str, metadata: Any, expected: str
) -> None:
    chat = _conversation(_node("u", "root", "user", "q"), _node("a", "u", "assistant", text, metadata=metadata))
    (tmp_path / "a.json").write_text(json.dumps(chat))
    assert (await _texts(store, tmp_path / "a.json"))[-1].text == expected


async def test_content_without_text_leaves_a_trace(store: SessionStore, tmp_path: Path) -> None:
    messages = await _texts(store, CASES / "chatgpt-contents-without-text" / "input.json")
    assert [message.text for message in messages] == [
        "How far is it?", "", "2\n", "Error: it broke", "A quote.", "The page.",
        "[a picture that is not in the export]", "Editing x.py\n\nprint(2)", "12 km.",
    ]  # fmt: skip
    new = {"content_type": "hologram", "cells": [1, 2]}
    chat = _conversation(_node("u", "root", "user", "q"), _node("a", "u", "assistant", new))
    (tmp_path / "a.json").write_text(json.dumps(chat))
    assert (await _texts(store, tmp_path / "a.json"))[-1].text == "[not in the export]"


@pytest.mark.parametrize("form", ["input", "outer.zip", "files"])
async def test_an_export_in_pieces_is_read(store: SessionStore, tmp_path: Path, form: str) -> None:
    """As a folder that the browser unpacked, as an archive in an archive, and as several files."""
    folder = CASES / "chatgpt-folder"
    paths = sorted((folder / "input").iterdir()) if form == "files" else [folder / form]
    assert len((await import_file(store, *paths)).sessions) == 2
    assert sorted(row.title for row in await store.sessions()) == ["Shard one", "Shard zero"]
    models = {(await store.path(id_))[-1].message.model for id_ in await store.session_ids()}
    # A message that names no model has the conversation's.
    assert models == {"gpt-5-2", "gpt-5-2-thinking"}
    with pytest.raises(UsageError, match=r"no conversations\.json in this folder"):
        await import_file(store, tmp_path)


async def test_several_files_come_in_together_or_not_at_all(store: SessionStore, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("[")
    with pytest.raises(UsageError, match=r"broken\.json cannot be imported"):
        await import_file(store, CASES / "chatgpt-folder" / "input", tmp_path / "broken.json")
    assert await store.sessions() == []

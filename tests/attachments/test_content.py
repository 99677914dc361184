from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionUserMessageParam
from openrouter.components import ChatUserMessage
from pydantic import TypeAdapter

from stepchat.attachments.content import (
    Files,
    digests_in,
    left_out_notice,
    merge_contents,
    question_content,
    with_data,
    without_data,
)
from stepchat.attachments.marks import mark, split_marks
from stepchat.attachments.reading import load_content
from stepchat.text.fences import fenced
from tests.attachments import files
from tests.attachments.test_reading import READER, asked
from tests.sessions.samples import attachments, texts

if TYPE_CHECKING:
    from stepchat.messages import Attachment


def attached(*contents: bytes, names: tuple[str, ...] = ()) -> tuple[list[Attachment], Files]:
    """Attachments of these contents, and what a request needs of them."""
    loaded = [
        load_content(name, content, asked(READER))
        for name, content in zip(names or [f"file{number}" for number in range(len(contents))], contents, strict=True)
    ]
    return [file.attachment for file in loaded], Files({file.attachment.digest: file.content for file in loaded})


@given(st.text(st.sampled_from("`a \n~"), max_size=60), st.sampled_from(["", "py"]))
def test_no_text_ends_its_own_fence(text, info):
    first, *lines = fenced(text, info).split("\n")
    fence = first.removesuffix(info)
    assert fence == "`" * len(fence)
    assert lines[-1] == fence
    assert all(not line.strip().startswith(fence) for line in lines[:-1])


def test_text_files_become_one_text_that_every_server_accepts():
    given, known = attached(b"x = 1\n", b"```\ncode\n```", names=("src/app.py", "a`b.md"))
    assert question_content("Why?", given, known) == (
        "File src/app.py:\n```py\nx = 1\n```\n\nFile a'b.md:\n````md\n```\ncode\n```\n````\n\nWhy?"
    )
    assert question_content("Why?", ()) == "Why?"


def test_other_files_become_parts_which_both_sdks_accept():
    given, known = attached(
        files.png(), files.pdf("x"), files.wav(), b"text", names=("a.png", "b.pdf", "c.wav", "d.txt")
    )
    content: Any = question_content("Why?", given, known)
    assert [part["type"] for part in content] == ["text", "image_url", "file", "input_audio"]
    assert content[0]["text"].endswith("Attached files, in this order:\n- a.png\n- b.pdf\n- c.wav\n\nWhy?")
    assert content[1]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert content[2]["file"]["filename"] == "b.pdf"
    assert content[3]["input_audio"]["format"] == "wav"
    message = {"role": "user", "content": content}
    TypeAdapter(ChatCompletionUserMessageParam).validate_python(message, strict=True)
    assert ChatUserMessage.model_validate(message).model_dump(by_alias=True)["content"][1]["image_url"]["url"]


def test_what_a_model_does_not_accept_or_is_missing_is_named():
    given, known = attached(files.png(), names=("chart.png",))
    refused = Files(known.contents, frozenset({"image"}))
    content = question_content("Why?", given, refused)
    assert content == "[chart.png (PNG image · 64 × 48 · 121 bytes) was attached here. You cannot read it.]\n\nWhy?"
    assert (
        left_out_notice(given, refused.unsupported) == "Not sent, because this model does not accept them: chart.png."
    )
    assert left_out_notice(given, frozenset()) == ""
    assert question_content("Why?", given, Files()) == "[chart.png was attached here, and is missing.]\n\nWhy?"


def test_recorded_messages_refer_to_the_stored_content():
    given, known = attached(files.png(), files.pdf("x"), files.wav())
    wire = {"role": "user", "content": question_content("Why?", given, known)}
    recorded = without_data(wire)
    assert len(json.dumps(recorded)) < 1000
    assert digests_in(recorded) == [hashlib.sha256(known.contents[one.digest]).hexdigest() for one in given]
    assert with_data(recorded, known.contents) == wire
    assert with_data(recorded, {}) == recorded
    assert without_data({"role": "user", "content": "text"}) == {"role": "user", "content": "text"}
    assert without_data({"content": [{"type": "x"}, {"image_url": {"url": "https://x"}}, {"image_url": 1}]})


@pytest.mark.parametrize(
    ("contents", "merged"),
    [
        (["a", "b"], "a\n\nb"),
        (["a", [{"type": "x"}]], [{"type": "text", "text": "a"}, {"type": "x"}]),
    ],
)
def test_adjacent_questions_are_merged(contents, merged):
    assert merge_contents(contents) == merged


@given(st.lists(st.tuples(texts.map(lambda text: text.strip("\n")), st.lists(attachments, max_size=3)), max_size=3))
def test_marks_survive_being_joined_with_other_texts(parts):
    parts = [(text.replace("\x0e", "").replace("\x0f", ""), given) for text, given in parts]
    text, found = split_marks("\n\n".join(mark(*part) for part in parts))
    assert list(found) == list(dict.fromkeys(one for _, given in parts for one in given))
    if found:
        assert text == "\n\n".join(text for text, _ in parts).strip("\n")


@pytest.mark.parametrize("text", ["\x0e{}\x0f", "\x0e\x0f", "\x0ex", 'a\x0e{"digest":1}\x0fb', "\x0e[]\x0f\x0f"])
def test_a_damaged_mark_is_dropped(text):
    words, found = split_marks(text)
    assert found == ()
    assert not {"\x0e", "\x0f"} & set(words)


KNOWN = attachments.filter(lambda one: one.kind != "audio" or one.media_type in {"audio/wav", "audio/mp3"})


@given(texts, st.lists(st.tuples(KNOWN, st.binary(max_size=9)), max_size=3))
def test_any_question_is_accepted_by_both_sdks(text, files):
    known = Files({one.digest: content for one, content in files})
    content = question_content(text, [one for one, _ in files], known)
    message = {"role": "user", "content": content}
    json.dumps(message).encode()
    TypeAdapter(ChatCompletionUserMessageParam).validate_python(message, strict=True)
    ChatUserMessage.model_validate(message)

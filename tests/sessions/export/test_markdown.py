from __future__ import annotations

from datetime import UTC
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from stepchat import lossless_json
from stepchat.messages import (
    AssistantMessage,
    Message,
    StoredMessage,
    Timing,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)
from stepchat.sessions.export.markdown import markdown
from stepchat.sessions.records import Session, SessionContent


def _file(*said: Message, elsewhere: int = 0, **session: Any) -> str:
    values = {
        "id": "a1",
        "title": "T",
        "created": 0.0,
        "updated": 0.0,
        "leaf": None,
        "model": "m/m",
        "server": "s",
        "system": None,
    }
    stored = tuple(StoredMessage(f"m{n}", "a1", None, message) for n, message in enumerate(said))
    return markdown(SessionContent(Session(**values | session), stored, elsewhere), UTC)


def test_a_conversation_reads_well() -> None:
    answer = AssistantMessage(
        text="Because of *scattering*.",
        reasoning="Hm.\n\nLight.",
        model="m/m",
        timing=Timing(0, 1.0, 13.0, 20.0),
        usage=Usage(lossless_json.loads('{"completion_tokens": 1234, "cost": 0.0123}')),
        tool_calls=(ToolCall("c", "clock", '{"zone":"UTC"}'),),
        stop="cancelled",
    )
    text = _file(
        UserMessage("Why is the\nsky blue?"),
        answer,
        ToolMessage("c", "clock", "12:00 ```"),
        title="Sky *blue*?",
        system="Be brief.",
        elsewhere=1,
    )
    assert text == (
        "# Sky \\*blue\\*?\n\nm/m · 1970-01-01 00:00 UTC · 3 messages\n\n"
        "## System prompt\n\nBe brief.\n\n"
        "## You\n\nWhy is the\nsky blue?\n\n"
        "## m/m\n\n> **Thought for 12 s**\n>\n> Hm.\n>\n> Light.\n\nBecause of *scattering*.\n\n"
        'Calls clock:\n\n```json\n{"zone":"UTC"}\n```\n\n*Stopped.*\n\n*1.2k output tokens · $0.012*\n\n'
        "## Tool clock\n\n````\n12:00 ```\n````\n\n"
        "*1 message on another branch is not included; a JSON export contains all branches.*\n"
    )


@pytest.mark.parametrize("text", ["```py\nx = 1", "~~~~\n~~~", "```\na\n```\n```", "````\n```"])
def test_an_open_code_block_ends_with_its_message(text: str) -> None:
    for said in (UserMessage(text), AssistantMessage(text="ok", reasoning=text), AssistantMessage(text=text)):
        assert _sections(_file(said, UserMessage("next"))) == 2


def _sections(text: str) -> int:
    tokens = MarkdownIt("commonmark").parse(text)
    names = [after.content for token, after in pairwise(tokens) if token.type == "heading_open" and token.level == 0]
    return sum(name in {"You", "Model"} for name in names)


_blocks = st.lists(st.sampled_from(["```", "~~~", "````", "`", " ", "\n", "x", "> ", "    ", "\t"]), max_size=15).map(
    "".join
)


@given(_blocks)
def test_no_reasoning_swallows_what_follows(text: str) -> None:
    assert _sections(_file(AssistantMessage(text="ok", reasoning=text), UserMessage("next"))) == 2


def test_controls_become_visible() -> None:
    text = _file(UserMessage("a\x1b[31m\x07\r\nb\tc\ud800\u202e"))
    text.encode()
    assert "a␛[31m␇\nb\tc\ufffd\ufffd" in text

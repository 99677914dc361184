"""What a strict server checks in the messages of a request."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEYS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "tool": {"role", "content", "tool_call_id"},
    "assistant": {"role", "content", "tool_calls", "reasoning", "reasoning_content", "reasoning_details"},
}


def check_strictly(messages: Sequence[dict[str, Any]]) -> None:
    """Each call has its results directly after it, once and in order; names, ids and arguments are what they must be."""
    json.dumps(messages).encode()
    expected: list[str] = []
    for message in messages:
        role = message["role"]
        assert set(message) <= _KEYS[role]
        if role == "tool":
            assert expected, "a result without a call"
            assert message["tool_call_id"] == expected.pop(0)
            assert isinstance(message["content"], str)
            continue
        assert not expected, "a call without a result"
        if role == "assistant":
            calls = message.get("tool_calls")
            assert message["content"] or calls, "an empty answer"
            assert calls is None or calls
            assert not {"reasoning", "reasoning_details"} <= set(message)
            for call in calls or ():
                assert call["type"] == "function"
                assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", call["function"]["name"])
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
                expected.append(call["id"])
            assert len(set(expected)) == len(expected)
        else:
            assert isinstance(message["content"], str)
    assert not expected

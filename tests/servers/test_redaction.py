from __future__ import annotations

from stepchat.events import Delta, ToolCallFragment
from stepchat.servers.redaction import redacted


def redact(text: str) -> str:
    return text.replace("secret", "***")


def test_what_holds_no_secret_stays_the_same_object():
    delta = Delta(text="x", details=({"a": [1.0, None, True, {"b": "c"}]},), usage={"cost": 0.1})
    assert redacted(delta, redact) is delta
    assert redacted(delta, "".join) is delta


def test_a_secret_is_taken_out_wherever_it_is_and_nothing_else_changes():
    kept = {"type": "reasoning.text", "text": "a", "number": 1.0}
    delta = Delta(
        text="a secret", details=(kept, {"secret": ["my secret", 1.0]}), tool_calls=(ToolCallFragment(0, "secret"),)
    )
    found = redacted(delta, redact)
    assert found == Delta(
        text="a ***", details=(kept, {"***": ["my ***", 1.0]}), tool_calls=(ToolCallFragment(0, "***"),)
    )
    assert found.details is not None
    assert found.details[0] is kept

"""Every format of reasoning, and hostile text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.demo.steps import Delta, Finish, Say, Think, fake_signature
from stepchat.lossless_json import Number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.demo.steps import ScenarioRequest, Step
    from stepchat.messages import Json

_THOUGHT = (
    "The user wants to see how this kind of reasoning is handled. There is little to think about, but enough to be "
    "seen: first what was asked, then which form the thoughts should take, then how to say it briefly.\n\n"
    "A second paragraph makes sure that line breaks survive, together with two  spaces and a trailing one. "
)
_CLAUDE = "anthropic-claude-v1"
_OPENAI = "openai-responses-v1"


def no_reasoning(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Say("This answer came without reasoning. No reasoning and no `reasoning_details` were sent.\n")
    yield Finish()


def details(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Think(_THOUGHT, format=_CLAUDE)
    for piece in ("Weighed ", "two ways, ", "took the shorter."):
        yield _entries({"type": "reasoning.summary", "summary": piece, "format": _OPENAI, "index": 1, "id": None})
    yield _entries({"type": "reasoning.summary", "summary": "", "id": "rs_demo_1", "format": _OPENAI, "index": 1})
    blob = {
        "type": "reasoning.encrypted",
        "data": fake_signature(_THOUGHT),
        "id": "rs_demo_1",
        "format": _OPENAI,
        "index": 1,
    }
    yield _entries(blob)
    search = {
        "type": "reasoning.server_tool_call",
        "tool_name": "web_search",
        "arguments": '{"query":"tides"}',
        "result": "3 results",
        "tool_call_id": "srv_1",
        "format": "unknown",
        "index": 2,
        "id": None,
    }
    yield _entries(search)
    yield Say("This answer carries every type of reasoning entry. ")
    # Signatures arrive late and alone. A client that stops merging once the answer begins would lose them.
    yield _entries({"type": "reasoning.text", "signature": fake_signature(_CLAUDE), "format": _CLAUDE, "index": 0})
    sketch: Json = {
        "type": "reasoning.sketch",
        "weight": Number("1.10"),
        "scale": Number("1E-7"),
        "whole": Number("2.0"),
        "count": 12_345_678_901_234_567_890,
        "nested": {"empty": {}, "list": [], "null": None, "deep": [[True, False], {"ключ": "值"}]},
        'odd key \u2028 \\ " é': "NUL \x00, e\u0301 is not é",
        "index": 3,
    }
    yield _entries(sketch)
    yield Say("One of them is of a type nobody knows yet, with numbers whose spelling matters.\n")
    yield Finish()


def surrogates(_ask: ScenarioRequest) -> Iterator[Step]:
    """Lone surrogates, which JSON can hold and UTF-8 cannot."""
    yield Think("Half of an emoji: \ud83d. The other half: \ude00.\n")
    yield _entries({"type": "reasoning.half\udc00", "\ud800 key": "\udfff", "index": 1})
    yield Say("This sentence holds half an emoji: \ud83d, and ends well.\n")
    yield Finish()


def _entries(*entries: Json) -> Delta:
    words = "".join(entry["summary"] for entry in entries if "summary" in entry)
    return Delta({"content": "", **({"reasoning": words} if words else {}), "reasoning_details": list(entries)})


def encrypted(_ask: ScenarioRequest) -> Iterator[Step]:
    for n in (1, 2):
        data = fake_signature(f"{_THOUGHT}{n}") * 3
        yield _entries(
            {"type": "reasoning.encrypted", "data": data, "id": f"rs_demo_{n}", "format": _OPENAI, "index": n - 1}
        )
    yield Say("I thought about this, but the provider keeps the thoughts to itself.\n")
    yield Finish()


def summary(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Think(_THOUGHT, details="summary", format=_OPENAI)
    blob = {
        "type": "reasoning.encrypted",
        "data": fake_signature(_THOUGHT),
        "id": "rs_demo_9",
        "format": _OPENAI,
        "index": 0,
    }
    yield _entries(blob)
    yield Say("You saw a summary of the reasoning; the rest is encrypted and goes back as it came.\n")
    yield Finish()


def signed(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Think(_THOUGHT, format=_CLAUDE)
    yield Say("The signature of the reasoning ")
    yield _entries({"type": "reasoning.text", "signature": fake_signature(_THOUGHT), "format": _CLAUDE, "index": 0})
    yield Say("came in the middle of this sentence.\n")
    yield Finish()


def blocks(_ask: ScenarioRequest) -> Iterator[Step]:
    for n in range(3):
        yield Think(f"Block {n}: one step of the way, kept apart from the others. ", index=n)
        yield Say(f"After block {n} comes this sentence. ")
    yield Finish()


def empty_details(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Say(
        "Every chunk of this answer says `reasoning_details: []`, which is not the same as saying nothing.\n", True
    )
    yield Finish()


def reasoning_content(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Think(_THOUGHT, field="reasoning_content", details="none")
    yield Say("The reasoning came under the name `reasoning_content` and should go back under it.\n")
    yield Finish()


def plain_reasoning(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Think(_THOUGHT, details="none")
    yield Say("The reasoning came as a plain string.\n")
    yield Finish()


def think_tags(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Say(
        f"<think>\n{_THOUGHT}\n</think>\n\nThe thoughts stood between tags. Later ones such as `<think>` are text.\n"
    )
    yield Finish()


def lone_close_tag(_ask: ScenarioRequest) -> Iterator[Step]:
    yield Say(f"{_THOUGHT}\n</think>\n\nOnly the closing tag came, so everything before it was reasoning.\n")
    yield Finish()


def loop(ask: ScenarioRequest) -> Iterator[Step]:
    for _ in range(ask.count("times", 60)):
        yield Think("Wait, let me check that once more, because the result of the last step may not be right.\n")
    yield Say("It was right all along.\n")
    yield Finish()


def hostile(_ask: ScenarioRequest) -> Iterator[Step]:
    """Text that would affect a terminal or a markup parser that trusts it."""
    attacks = (
        "\x1b[2J\x1b[H\x1b[31mred screen\x1b[0m",
        "\x1b]0;owned title\x07\x1b]52;c;ZXZpbA==\x07\x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
        "\x1bPdevice control\x1b\\ \x1b_application\x1b\\ \x9b31mC1 CSI \x9d0;C1 OSC\x9c",
        "backspace\x08\x08\x08 bell\x07 return\rover vertical\x0b form\x0c null\x00 delete\x7f",
        "bidi \u202eegnarts\u202c \u2066isolated\u2069 mark\u200f zero\u200bwidth \ufeffbom tag\U000e0041",
        "[bold]not bold[/bold] [red on blue]x[/] [link=file:///etc/passwd]y[/link] [@click=app.quit]z[/] [[",
        "<script>alert(1)</script> &amp; <b>b</b> ![image](http://127.0.0.1/x) [go](javascript:alert(1))",
    )
    for attack in attacks:
        yield Think(f"Thinking: {attack}\n")
    for attack in attacks:
        yield Say(f"- {attack}\n")
    yield Say(
        f"\n# Title {attacks[0]}\n\n`code {attacks[1]}`\n\n```sh\n{attacks[2]}\n{attacks[5]}\n```\n\n| a {attacks[0]} |\n|---|\n"
    )
    yield Say(f"| {attacks[4]} |\n\nThe end.\n")
    yield Finish()

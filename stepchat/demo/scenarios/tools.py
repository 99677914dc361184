"""Tool calls in fragments, answers about their results, and structured output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from stepchat.demo.steps import Delta, Finish, Say, fake_signature, message_text, reasoning_steps, split_tokens
from stepchat.parameters.schema import schema_of, wants_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.demo.steps import ScenarioRequest, Step
    from stepchat.messages import Json

_INVENTED: tuple[tuple[str, Json], ...] = (
    ("get_weather", {"city": "Trondheim", "unit": "celsius"}),
    ("get_time", {"timezone": "Asia/Tokyo"}),
)


def tools(ask: ScenarioRequest) -> Iterator[Step]:
    """Call the first two tools of the request, or two invented ones. If their results are there, answer."""
    results = _results(ask)
    if results:
        yield from _conclude(ask, results)
        return
    calls = _calls(ask)
    names = " and ".join(name for name, _ in calls)
    yield from reasoning_steps(
        ask,
        f"The question was: “{ask.question[:200]}”. I do not know this by heart, but {names} will. The calls do not "
        "depend on each other, so I can make them at the same time and wait for all the results.",
    )
    yield Say("Let me look that up.\n")
    for index, (name, arguments) in enumerate(calls):
        call_id = f"call_{fake_signature(f'{ask.turn}{index}{name}')[:16]}"
        head = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        yield Delta({"content": "", "tool_calls": [head]})
        for piece in split_tokens(json.dumps(arguments, ensure_ascii=False)):
            yield Delta({"content": "", "tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield Finish("tool_calls", "tool_calls")


def agent(ask: ScenarioRequest) -> Iterator[Step]:
    """A story in rounds: each one reasons about the results so far and makes the next calls, then it answers."""
    rounds = [message for message in _since_question(ask) if message.get("role") == "assistant"]
    results = _results(ask)
    back = ask.returned
    if len(rounds) >= len(_STORY):
        yield from reasoning_steps(
            ask,
            f"Four rounds are done, and {back.with_reasoning} of my messages came back with all their reasoning, "
            f"{back.characters:,} characters. One call failed because I wrote a wrong argument, and I corrected it. "
            "That is enough for the answer.",
        )
        yield Say("Here is what I found, step by step:\n\n| tool | result |\n|---|---|\n")
        for name, text in results:
            yield Say(f"| `{name}` | {_cell(text)} |\n")
        yield Say("\nThe second call of `calculate` had a wrong argument on purpose; its error came back to me.\n")
        yield Finish()
        return
    thought, calls = _STORY[len(rounds)]
    seen = f" The last result was “{_cell(results[-1][1])}”." if results else ""
    yield from reasoning_steps(ask, thought + seen)
    for index, (name, arguments) in enumerate(calls):
        call_id = f"call_{fake_signature(f'{ask.turn}{len(rounds)}{index}{name}')[:16]}"
        head = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        signature = {"extra_content": {"google": {"thought_signature": fake_signature(call_id)}}}
        yield Delta({"content": None, "tool_calls": [{**head, **signature}]})
        for piece in split_tokens(json.dumps(arguments, ensure_ascii=False)):
            yield Delta({"content": None, "tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield Finish("tool_calls", "tool_calls")


_STORY: tuple[tuple[str, tuple[tuple[str, Json], ...]], ...] = (
    (
        "I will look around first. The time and the files do not depend on each other, so both calls go together.",
        (("current_time", {"timezone": "UTC"}), ("list_files", {})),
    ),
    (
        "Now I calculate how many seconds a year has. I write the argument as `formula`.",
        (("calculate", {"formula": "365.25 * 24 * 60 * 60"}),),
    ),
    (
        "The argument is called `expression`, so I correct my call.",
        (("calculate", {"expression": "365.25 * 24 * 60 * 60"}),),
    ),
    (
        "I also try a page that must not be fetched, to see what happens.",
        (("fetch_url", {"url": "http://169.254.169.254/latest/meta-data"}),),
    ),
)
"""The reasoning and the calls of each round of `agent`."""


def endless(ask: ScenarioRequest) -> Iterator[Step]:
    """One call after the other, for ever."""
    number = len(_since_question(ask)) // 2 + 1
    yield from reasoning_steps(ask, f"Round {number}. One more cannot hurt.")
    arguments = json.dumps({"expression": f"{number} + 1"})
    call = {"index": 0, "id": f"call_{number}", "type": "function"}
    yield Delta({"content": "", "tool_calls": [{**call, "function": {"name": "calculate", "arguments": arguments}}]})
    yield Finish("tool_calls", "tool_calls")


def _since_question(ask: ScenarioRequest) -> list[Json]:
    """The messages after the last question."""
    at = max((at for at, message in enumerate(ask.messages) if message.get("role") == "user"), default=-1)
    return list(ask.messages[at + 1 :])


def _cell(text: str) -> str:
    """A result in a few words."""
    short = " ".join(text.split()).replace("|", "/")
    return short if len(short) <= 80 else f"{short[:79]}…"


def _results(ask: ScenarioRequest) -> list[tuple[str, str]]:
    """Name and text of the tool messages after the last question."""
    names: dict[str, str] = {}
    results: list[tuple[str, str]] = []
    for message in ask.messages:
        match message.get("role"):
            case "user":
                results.clear()
            case "assistant":
                for call in message.get("tool_calls") or ():
                    names[call["id"]] = call["function"]["name"]
            case "tool":
                call_id = str(message.get("tool_call_id"))
                name = str(message.get("name") or names.get(call_id, call_id))
                results.append((name, message_text(message.get("content"))))
            case _:
                pass
    return results


def _conclude(ask: ScenarioRequest, results: list[tuple[str, str]]) -> Iterator[Step]:
    back = ask.returned
    yield from reasoning_steps(
        ask,
        f"{len(results)} result(s) came back, together with {back.characters:,} characters of my own reasoning from "
        f"{back.with_reasoning} earlier message(s). Now I can put the results into one answer.",
    )
    yield Say("The tools answered:\n\n")
    for name, text in results:
        short = text if len(text) <= 300 else f"{text[:300]} …"
        yield Say(f"- **{name}**\n\n" + "".join(f"      {line}\n" for line in short.splitlines()) + "\n")
    yield Say(f"That makes {len(results)} in all, and nothing more to look up.\n")
    yield Finish()


def _calls(ask: ScenarioRequest) -> list[tuple[str, Json]]:
    offered: Any = ask.body.get("tools")
    functions = [tool["function"] for tool in cast("list[Json]", offered or []) if tool.get("type") == "function"]
    forced = ask.body.get("tool_choice")
    if isinstance(forced, dict):
        wanted = cast("Json", forced).get("function", {}).get("name")
        functions = [function for function in functions if function["name"] == wanted]
    if not functions:
        return list(_INVENTED)
    at_most = 1 if ask.body.get("parallel_tool_calls") is False else 2
    return [(function["name"], _sample_object(function.get("parameters") or {})) for function in functions[:at_most]]


def _sample_object(schema: Json) -> Json:
    properties: Json = schema.get("properties") or {}
    required: list[str] = schema.get("required") or list(properties)
    return {name: sample(properties.get(name, {})) for name in required}


def sample(schema: Json) -> Any:
    """A value that fits a simple JSON schema."""
    if schema.get("enum"):
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    match schema.get("type"):
        case "integer":
            return max(1, int(schema.get("minimum", 1)))
        case "number":
            return 1.5
        case "boolean":
            return True
        case "array":
            return [sample(schema.get("items") or {})]
        case "object":
            return _sample_object(schema)
        case _:
            return "2 + 2" if "expression" in str(schema.get("description", "")).lower() else "Trondheim"


def wants_structured_output(ask: ScenarioRequest) -> bool:
    """Whether the request asks for JSON."""
    return wants_json(ask.body)


def structured_output(ask: ScenarioRequest) -> Iterator[Step]:
    """Answer in JSON as response_format asks. `wrong=value` violates the schema, `wrong=json` ends in the middle."""
    yield from reasoning_steps(ask, "They want JSON. I shall fill their schema with the first values that fit.")
    value = _value(ask)
    if ask.options.get("wrong") == "value" and isinstance(value, dict) and value:
        filled = cast("Json", value)
        value = {**filled, [*filled][-1]: {"not": "what was asked for"}}
    text = json.dumps(value, indent=2, ensure_ascii=False)
    yield Say(text[: len(text) * 2 // 3] if ask.options.get("wrong") == "json" else text)
    yield Finish()


def _value(ask: ScenarioRequest) -> Any:
    schema = schema_of(ask.body)
    if isinstance(schema, dict):
        return sample(cast("Json", schema))
    return {"question": ask.question, "answer": 1229, "primes": [2, 3, 5, 7], "certain": True}

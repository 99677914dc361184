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

from __future__ import annotations

import json

import pytest

from tests.demo.reading import as_message, ask, whole

QUESTION = {"role": "user", "content": "demo:tools"}


def tool(name: str, **properties):
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def calls_of(reading) -> dict[int, dict[str, str]]:
    calls: dict[int, dict[str, str]] = {}
    for delta in reading.deltas:
        for fragment in delta.get("tool_calls", ()):
            call = calls.setdefault(fragment["index"], {"arguments": ""})
            if "id" in fragment:
                assert "id" not in call
                call |= {"id": fragment["id"], "name": fragment["function"]["name"]}
            call["arguments"] += fragment["function"].get("arguments", "")
    return calls


def test_two_calls_in_fragments(client):
    reading = ask(client, "demo:tools")
    assert reading.finish == ["tool_calls"]
    calls = calls_of(reading)
    assert [call["name"] for call in calls.values()] == ["get_weather", "get_time"]
    assert json.loads(calls[0]["arguments"]) == {"city": "Trondheim", "unit": "celsius"}
    assert calls[0]["id"] != calls[1]["id"]
    assert sum(bool(delta.get("tool_calls")) for delta in reading.deltas) > 10
    message = as_message(whole(client, "demo:tools"))
    assert [call["id"] for call in message["tool_calls"]] == [call["id"] for call in calls.values()]


def test_calls_the_tools_of_the_request(client):
    offered = [
        tool(
            "search",
            n={"type": "integer", "minimum": 3},
            deep={"type": "boolean"},
            mode={"enum": ["fast", "slow"]},
            share={"type": "number"},
            tags={"type": "array", "items": {"type": "string"}},
            inner={"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]},
            size={"default": 9},
        ),
        tool("second"),
        tool("third"),
    ]
    calls = calls_of(ask(client, "anything", tools=offered, tool_choice="required"))
    assert [call["name"] for call in calls.values()] == ["search", "second"]
    assert json.loads(calls[0]["arguments"]) == {
        "n": 3,
        "deep": True,
        "mode": "fast",
        "share": 1.5,
        "tags": ["Trondheim"],
        "inner": {"x": "Trondheim"},
        "size": 9,
    }
    assert json.loads(calls[1]["arguments"]) == {}
    one = calls_of(ask(client, "anything", tools=offered, tool_choice="required", parallel_tool_calls=False))
    assert len(one) == 1
    forced = {"type": "function", "function": {"name": "third"}}
    assert [c["name"] for c in calls_of(ask(client, "x", tools=offered, tool_choice=forced)).values()] == ["third"]


@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_tools_may_be_left_alone(client, choice):
    assert calls_of(ask(client, "hello", tools=[tool("x")], tool_choice=choice)) == {}


def test_answers_about_the_results(client):
    body = {"tools": [tool("one"), tool("two")], "tool_choice": "required"}
    message = as_message(whole(client, "look it up", **body))
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"result {n}\nsecond line"}
        for n, call in enumerate(message["tool_calls"])
    ]
    # The loop's request ends with tool messages, so the question is put in front by hand.
    body |= {"model": None, "stream": False}
    history = [{"role": "user", "content": "look it up"}, message, *results]
    answer = client.post("/chat/completions", json={**body, "messages": history}).json()["choices"][0]
    assert answer["finish_reason"] == "stop"
    for words in ("**one**", "**two**", "result 0\n", "result 1\n", "2 in all"):
        assert words in answer["message"]["content"]
    assert "1 earlier message(s)" in answer["message"]["reasoning"]

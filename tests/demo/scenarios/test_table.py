from __future__ import annotations

import json
from itertools import pairwise

import httpx
import pytest

from stepchat.demo.scenarios import table
from stepchat.demo.scenarios.faults import SHAPES, STATUSES
from stepchat.demo.scenarios.table import SCENARIOS
from stepchat.lossless_json import Number
from tests.demo.reading import CHAT, as_message, ask, body_of, read, whole

USER = {"role": "user", "content": "hello"}
BREAKS = {"drop", "reset", "drop_headers"}
NOT_A_STREAM = {"json", "json_error"}
UNFINISHED = {"cut", *(f"error{shape}" for shape in SHAPES)}


def plays_to_its_end(scenario) -> bool:
    name = scenario.name
    return not name.startswith("http") and name not in BREAKS | NOT_A_STREAM | UNFINISHED | {
        "html502",
        "raw_error",
        "unavailable",
        "nodone",
    }


every_good = pytest.mark.parametrize("scenario", [*filter(plays_to_its_end, SCENARIOS)], ids=lambda row: row.name)


def test_names_are_unique_and_described():
    names = [scenario.name for scenario in SCENARIOS]
    assert len(names) == len(set(names))
    assert all(scenario.about and "\n" not in scenario.about for scenario in SCENARIOS)


@every_good
def test_plays_to_its_end(client, scenario):
    reading = ask(client, f"demo:{scenario.name} {scenario.example}")
    assert reading.status == 200
    assert reading.done or scenario.name in {"no_last_blank", "crlf", "cr"}
    assert "[DONE]" in reading.events
    assert len(reading.finish) == 1
    assert len(reading.usage) >= 1
    assert reading.usage[-1]["completion_tokens"] >= reading.usage[-1]["completion_tokens_details"]["reasoning_tokens"]


@every_good
def test_whole_says_what_the_stream_says(client, scenario):
    question = f"demo:{scenario.name} {scenario.example}"
    message = whole(client, question)["choices"][0]["message"]
    reading = ask(client, question)
    assert (message["content"] or "") == reading.text
    assert (message.get("reasoning") or "") == reading.reasoning
    assert ("reasoning_details" in message) == any("reasoning_details" in delta for delta in reading.deltas)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda row: row.name)
def test_can_be_chosen_by_model(client, server, scenario):
    model = f"demo/{scenario.name}," + scenario.example.replace(" ", ",")
    try:
        response = client.post(CHAT, json=body_of("hello", model=model))
    except httpx.TransportError:
        assert scenario.name in BREAKS
    else:
        assert scenario.name not in BREAKS
        assert "is not a valid model" not in response.text
    assert server.wait_until(lambda requests: requests[0].finished == (scenario.name not in BREAKS))
    assert not server.requests[0].disconnected


def test_help_is_ten_lines_and_the_groups_list_every_row(client):
    assert ask(client, "demo:help").text.count("\n- `") == 10
    for group, rows in table.GROUPS.items():
        text = ask(client, f"demo:{group}").text
        assert all(f"- `{scenario.name}`: {scenario.about}" in text for scenario in rows)
        assert text.count("\n- `") == len(rows) - 1


def test_unknown_name_is_told(client):
    assert "no demo script called `nonsense`" in ask(client, "demo:nonsense a=b").text


@pytest.mark.parametrize("status", STATUSES)
def test_http_errors(client, status):
    reading = ask(client, f"demo:http{status}")
    assert reading.status == status
    assert reading.error["code"] == status
    assert reading.error["message"]
    assert "error_type" in reading.error["metadata"]


@pytest.mark.parametrize("name", ["http429", "http500", "http502", "http503", "html502", "unavailable"])
def test_fails_so_often_and_then_answers(client, name):
    question = f"demo:{name} times=2"
    assert [ask(client, question).status for _ in range(6)] == [int(ask_status(name))] * 2 + [200] + [
        int(ask_status(name))
    ] * 2 + [200]
    assert ask(client, question, session_id="other").status == int(ask_status(name))


def ask_status(name: str) -> str:
    return "503" if name == "unavailable" else name[-3:]


def test_retry_after(client):
    assert ask(client, "demo:http429 retry_after=7").headers["retry-after"] == "7"
    assert ask(client, "demo:http503 retry_after=0").headers["retry-after"] == "0"
    assert "retry-after" not in ask(client, "demo:http429").headers


def test_html_page(client):
    reading = ask(client, "demo:html502")
    assert (reading.status, reading.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert b"<h1>502 Bad Gateway</h1>" in reading.data


def test_reason_hidden_in_raw(client):
    metadata = ask(client, "demo:raw_error").error["metadata"]
    assert "valid string" in json.loads(metadata["raw"])["error"]["message"]


def test_availability_form(client):
    error = ask(client, "demo:unavailable").error
    assert (error["http_status"], error["availability"]["retryable"]) == (503, True)


@pytest.mark.parametrize(("name", "status"), [("pinned", 404), ("bad_signature", 400)])
def test_refused_while_details_come_back(client, name, status):
    message = {"role": "assistant", "content": "x", "reasoning_details": [{"type": "reasoning.text", "text": "y"}]}
    assert ask(client, f"demo:{name}", USER, message).status == status
    del message["reasoning_details"]
    assert ask(client, f"demo:{name}", USER, message).status == 200


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("at", [0, 1, 7, 200])
def test_errors_in_mid_stream(client, shape, at):
    reading = ask(client, f"demo:error{shape} at={at}")
    assert reading.status == 200
    assert sum(bool(delta.get("content")) for delta in reading.deltas) == at
    assert reading.usage == []
    last = reading.data.decode().rstrip("\n").rsplit("\n\n", 2)[-2 if reading.done else -1]
    value = json.loads(last.partition("{")[2].join(["{", ""]))
    match shape:
        case 1:
            assert value["error"]["code"] == 502
            assert value["choices"][0]["finish_reason"] == "error"
        case 2:
            assert (value["error"]["code"], value["choices"]) == (502, [])
        case 3:
            assert set(value) == {"error"}
            assert value["error"]["code"] == "server_error"
            assert reading.done
        case 4:
            assert isinstance(value["error"], str)
        case 5:
            assert "error" not in value
            assert value["choices"][0]["error"]["code"] == 502
        case 6:
            assert "error" not in json.dumps(value).replace('"finish_reason": "error"', "")
            assert value["choices"][0]["native_finish_reason"] == "MALFORMED_FUNCTION_CALL"
        case 7:
            assert last.startswith("event: error\ndata: ")
        case _:
            assert last.startswith("error: {")


@pytest.mark.parametrize("shape", SHAPES)
def test_errors_without_a_stream(client, shape):
    response = client.post(CHAT, json=body_of(f"demo:error{shape}", stream=False))
    if shape in {5, 6}:
        choice = response.json()["choices"][0]
        assert (response.status_code, choice["finish_reason"]) == (200, "error")
        assert ("error" in choice) == (shape == 5)
    else:
        assert (response.status_code, response.json()["error"]["code"]) == (502, 502)


def test_details_of_every_type(client):
    sent = ask(client, "demo:details").details
    kinds = {entry["type"] for entry in sent}
    assert kinds == {
        "reasoning.text",
        "reasoning.summary",
        "reasoning.encrypted",
        "reasoning.server_tool_call",
        "reasoning.sketch",
    }
    merged = as_message(whole(client, "demo:details"))["reasoning_details"]
    assert [entry["type"] for entry in merged] == [
        "reasoning.text",
        "reasoning.summary",
        "reasoning.encrypted",
        "reasoning.server_tool_call",
        "reasoning.sketch",
    ]
    text, summary, blob, _, sketch = merged
    assert text["signature"]
    assert text["text"] == "".join(e.get("text", "") for e in sent if e["type"] == "reasoning.text")
    assert (summary["summary"], summary["id"]) == ("Weighed two ways, took the shorter.", blob["id"])
    assert isinstance(sketch["weight"], Number)
    assert (sketch["weight"].literal, sketch["scale"].literal, sketch["whole"].literal) == ("1.10", "1E-7", "2.0")
    assert sketch["nested"]["empty"] == {}


def test_signature_comes_alone_after_the_answer_has_begun(client):
    deltas = ask(client, "demo:signed").deltas
    place = next(i for i, d in enumerate(deltas) if any("signature" in e for e in d.get("reasoning_details", ())))
    assert any(delta["content"] for delta in deltas[:place])
    assert any(delta["content"] for delta in deltas[place:])
    assert "text" not in deltas[place]["reasoning_details"][0]


def test_other_forms_of_reasoning(client):
    encrypted = ask(client, "demo:encrypted")
    assert encrypted.reasoning == ""
    assert {entry["type"] for entry in encrypted.details} == {"reasoning.encrypted"}
    empty = ask(client, "demo:empty_details")
    assert all(delta["reasoning_details"] == [] for delta in empty.deltas if delta["content"])
    assert as_message(whole(client, "demo:empty_details"))["reasoning_details"] == []
    other = ask(client, "demo:reasoning_content")
    assert other.reasoning == ""
    assert other.joined("reasoning_content").startswith("The user wants")
    assert not any("reasoning_details" in delta for delta in other.deltas)
    assert whole(client, "demo:reasoning_content")["choices"][0]["message"]["reasoning_content"]
    none = ask(client, "demo:noreasoning")
    assert (none.reasoning, none.details) == ("", [])
    blocks = ask(client, "demo:blocks")
    assert {entry["index"] for entry in blocks.details} == {0, 1, 2}


def test_think_tags(client):
    assert ask(client, "demo:think_tags").text.startswith("<think>\n")
    lone = ask(client, "demo:lone_close_tag").text
    assert (lone.count("<think>"), lone.count("</think>")) == (0, 1)


def test_hostile_text_holds_what_it_should(client):
    reading = ask(client, "demo:hostile")
    for words in (reading.text, reading.reasoning):
        for attack in ("\x1b[2J", "\x1b]52;", "\x9b", "\x00", "\u202e", "[bold]", "javascript:", "\U000e0041"):
            assert attack in words


def test_other_endings(client):
    length = ask(client, "demo:length")
    assert (length.finish, length.text) == (["length"], "")
    assert length.reasoning
    assert ask(client, "demo:content_filter").finish == ["content_filter"]
    refusal = ask(client, "demo:refusal")
    assert (refusal.text, refusal.joined("refusal")) == ("", "I am sorry, but I cannot help with that.")
    failed = ask(client, "demo:network_error")
    assert (failed.text, failed.reasoning) == ("", "")
    assert [c["native_finish_reason"] for c in failed.choices if c["finish_reason"]] == ["network_error"]
    nodone = ask(client, "demo:nodone")
    assert (nodone.finish, nodone.done, nodone.usage) == (["stop"], False, [])
    cut = ask(client, "demo:cut at=9")
    assert (cut.finish, cut.done, cut.status) == ([], False, 200)


@pytest.mark.parametrize("name", ["drop", "reset"])
def test_connection_breaks_in_the_middle_of_a_chunk(client, server, name):
    received = b""
    with (
        pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)),
        client.stream("POST", CHAT, json=body_of(f"demo:{name} at=4")) as response,
    ):
        for data in response.iter_raw():
            received += data
    if name == "drop":
        reading = read(received.rpartition(b"\n\n")[0] + b"\n\n")
        assert sum(bool(delta.get("content")) for delta in reading.deltas) == 4
    assert server.wait_until(lambda _: server._clients == {})
    assert not server.requests[0].finished
    assert not server.requests[0].disconnected


def test_connection_breaks_before_the_headers(client):
    with pytest.raises(httpx.TransportError):
        ask(client, "demo:drop_headers times=1")
    assert ask(client, "demo:drop_headers times=1").done


def test_json_though_a_stream_was_asked_for(client):
    reading = ask(client, "demo:json")
    assert reading.headers["content-type"] == "application/json"
    assert json.loads(reading.data)["choices"][0]["message"]["content"].startswith("A short answer")
    failed = ask(client, "demo:json_error")
    assert (failed.status, failed.error["code"]) == (200, 502)


def test_framings(client):
    assert b"\n\n" not in ask(client, "demo:crlf").data
    assert b"\r\n\r\n" in ask(client, "demo:crlf").data
    assert b"\n" not in ask(client, "demo:cr").data
    assert ask(client, "demo:bom").data.startswith(b"\xef\xbb\xbf: OPENROUTER")
    assert ask(client, "demo:no_last_blank").data.endswith(b"data: [DONE]")
    assert ask(client, "demo:no_last_blank done=0").data.endswith(b"}}}")
    assert all(chunk["error"] is None for chunk in ask(client, "demo:null_error").chunks)
    assert "\u2028" in ask(client, "demo:separators").data.decode()
    broken = ask(client, "demo:bad_json")
    assert len(broken.events) - 1 - len(broken.chunks) == 4


def test_chopped_bytes_are_cut_inside_characters(client):
    with client.stream("POST", CHAT, json=body_of("demo:chopped")) as response:
        pieces = list(response.iter_raw())
    assert max(map(len, pieces)) <= 17
    assert any(second[0] & 0xC0 == 0x80 for _, second in pairwise(pieces))
    assert read(b"".join(pieces)).text == ask(client, "demo:bom").text


def test_usage_in_other_places(client):
    each = ask(client, "demo:usage_each")
    totals = [usage["completion_tokens"] for usage in each.usage]
    assert len(totals) == len(each.chunks)
    assert totals == sorted(totals)
    assert totals[-1] > 20
    assert [chunk["choices"] for chunk in ask(client, "demo:usage_empty").chunks if "usage" in chunk] == [[]]
    preview, real = ask(client, "demo:usage_preview").usage
    assert preview["completion_tokens"] == 0
    assert real["completion_tokens"] > 20


def test_slow_sends_comments_before_anything_else(client):
    reading = ask(client, "demo:slow wait=0.05")
    assert reading.data.startswith(b": OPENROUTER PROCESSING\n\n")
    assert reading.comments == 2
    assert reading.text


def test_silent_sends_not_even_comments(client):
    reading = ask(client, "demo:silent at=3 wait=0.1")
    assert reading.comments == 1
    assert ask(client, "demo:silent wait=0.1").comments == 0
    assert reading.text == ask(client, "demo:slow wait=0").text


def test_loop_repeats(client):
    lines = ask(client, "demo:loop times=30").reasoning.splitlines()
    assert (len(lines), len(set(lines))) == (30, 1)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How many primes are there?", "1,229"),
        ("Please compare them", "write-ahead log"),
        ("translate this", "今天的水很清"),
        ("a haiku", "there is a stream"),
        ("Do you remember your reasoning?", "first question of the conversation"),
        ("hello", "no model behind this answer"),
    ],
)
def test_conversation_follows_the_question(client, question, words):
    assert words in ask(client, question).text


def test_turns_of_a_conversation_differ(client):
    history, texts = [], []
    for _ in range(6):
        completion = whole(client, "go on", *history)
        texts.append(completion["choices"][0]["message"]["content"])
        history += [{"role": "user", "content": "go on"}, as_message(completion)]
    assert len(set(texts)) == 6
    assert "5 of 5 earlier answers" in texts[5]
    assert all("exactly as I sent it" in text for text in texts[1:])


@pytest.mark.parametrize(("tokens", "reasoning"), [(1, 1), (700, 0), (0, 50), (1234, 567)])
def test_long_has_the_size_asked_for(client, tokens, reasoning):
    usage = ask(client, f"demo:long tokens={tokens} reasoning={reasoning}").usage[0]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == reasoning
    assert usage["completion_tokens"] == tokens + reasoning


def test_very_long_reasoning_is_one_entry(client):
    message = as_message(whole(client, "demo:long tokens=1 reasoning=100000"))
    assert len(message["reasoning_details"]) == 1

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import httpx
import pytest

from stepchat import __version__
from stepchat.catalogue.backends import BACKENDS
from stepchat.config.api_keys import Key
from stepchat.demo.server import DemoServer
from stepchat.errors import KeyRejectedError, ServerError, StreamCutError, UnreachableError
from stepchat.events import Delta, Notice
from stepchat.servers.client import APP_TITLE, APP_URL, RETRIES, Client, Options
from tests.fakes import Answers, event, pieces, sse, stream_of, streaming
from tests.servers.streams import chunk
from tests.servers.turns import ANSWER, CUT, GOOD, SECRET, URL, ask, client, good, refusal

# The request


async def test_an_answer_of_the_demo(to_demo, demo):
    turn = await ask(to_demo, "demo:details")
    assert turn.failure is None
    assert turn.message.complete
    assert turn.message.usage.cost
    assert turn.message.generation_id == demo.requests[0].generation_id
    assert demo.wait_until(lambda requests: requests[0].finished)
    assert not demo.requests[0].disconnected


async def test_what_a_request_carries(to_demo, demo):
    await ask(to_demo, "demo:haiku")
    request = demo.requests[0]
    assert (request.method, request.path) == ("POST", "/api/v1/chat/completions")
    assert request.body["messages"] == [{"role": "user", "content": "demo:haiku"}]
    wanted = {
        "http-referer": APP_URL,
        "x-title": APP_TITLE,
        "x-openrouter-title": APP_TITLE,
        "accept": "text/event-stream",
    }
    assert {name: request.headers[name] for name in wanted} == wanted
    assert request.headers["user-agent"] == f"stepchat/{__version__}"


@pytest.mark.parametrize(("referer", "title"), [(True, False), (False, True), (False, False)])
async def test_both_attribution_headers_can_be_switched_off(referer, title):
    answers = Answers(good())
    await ask(client(transport=answers, send_referer=referer, send_title=title))
    headers = answers.requests[0].headers
    assert ("http-referer" in headers, "x-title" in headers, "x-openrouter-title" in headers) == (referer, title, title)
    assert headers["authorization"] == f"Bearer {SECRET}"


async def test_other_servers_are_not_told_who_asks():
    answers = Answers(good())
    await ask(client("http://127.0.0.1:8080/v1", answers, key=None))
    headers = answers.requests[0].headers
    assert not {"http-referer", "x-title", "x-openrouter-title", "authorization"} & set(headers)


async def test_a_lone_surrogate_can_be_sent():
    answers = Answers(good())
    assert (await ask(client(transport=answers), "half \ud83d")).failure is None
    assert json.loads(answers.requests[0].content)["messages"][0]["content"] == "half \ud83d"


# The answer, however it comes


async def test_a_stream_cut_at_every_byte():
    whole = stream_of(*GOOD, b": comment\r\n\r\n", chunk({}, usage={"cost": 1}))
    turn = await ask(
        client(transport=sse(*GOOD, b": comment\r\n\r\n", chunk({}, usage={"cost": 1}), cuts=range(len(whole))))
    )
    assert (turn.message.reasoning, turn.message.text, turn.message.usage.raw) == ("r", "a", {"cost": 1})


async def test_a_million_characters_in_one_event():
    words = "0123456789" * 100_000
    whole = event(chunk({"content": words}, "stop"))
    parts = [streaming(pieces(whole, range(0, len(whole), size))) for size in (1_000, 100_000)]
    for part in parts:
        assert (await ask(client(transport=Answers(part)))).message.text == words


async def test_an_event_that_is_too_large_is_an_error_and_keeps_what_came():
    huge = [b"data: " + b"x" * 1024 * 1024] + [b"x" * 1024 * 1024] * 64
    turn = await ask(client(transport=Answers(streaming([stream_of(*GOOD, done=False), *huge]))))
    assert "more than 67108864 bytes" in turn.error.message
    assert turn.message.text == "a"


@pytest.mark.parametrize(("broken", "words"), [(1, "one event"), (2, "2 events")])
async def test_an_answer_that_lost_text_is_not_complete(broken, words):
    stream = event(chunk({"content": "a"})) + b'data: {"choices": [\n\n' * broken + ANSWER
    turn = await ask(client(transport=Answers(streaming([stream]))))
    assert isinstance(turn.error, StreamCutError)
    assert turn.error.message == f"Part of the answer is lost: {words} from the server could not be read."
    assert turn.message.text == "aa"
    assert turn.retries == []


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (b"data: ping\n\n", "One event from the server could not be read; the inspector shows what arrived."),
        (b"data: ping\n\n" * 2, "2 events from the server could not be read; the inspector shows what arrived."),
        (
            event({"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"images": [1, 2]}}]}),
            "The server also sent 2 images, 1 alternative answer, which stepchat cannot show; the inspector has it.",
        ),
    ],
)
async def test_what_is_dropped_without_a_loss_of_text_is_reported(odd, words):
    turn = await ask(client(transport=Answers(streaming([odd + ANSWER]))))
    assert (turn.failure, turn.message.text) == (None, "a")
    (notice,) = [event for event in turn.events if isinstance(event, Notice)]
    assert notice.text == words


async def test_the_generation_id_comes_with_the_headers():
    turn = await ask(client(transport=Answers(streaming([stream_of({"choices": []})], **{"x-generation-id": "gen-7"}))))
    assert turn.events[0] == Delta(generation_id="gen-7")


WHOLE = {"id": "gen-1", "choices": [{"message": {"content": "a", "reasoning": "r"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "text/plain; charset=utf-8", ""])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
async def test_a_200_with_json_is_an_answer_whatever_it_claims_to_be(kind, start):
    answer = streaming([start + json.dumps(WHOLE).encode()], **{"content-type": kind})
    message = (await ask(client(transport=Answers(answer)))).message
    assert (message.text, message.reasoning, message.finish_reason) == ("a", "r", "stop")


async def test_white_space_before_json_is_a_sign_of_life():
    parts = [b"\n   ", b"\n", *pieces(json.dumps(WHOLE).encode(), range(100))]
    answer = streaming(parts, **{"content-type": "application/json"})
    assert (await ask(client(transport=Answers(answer)))).message.text == "a"


async def test_a_stream_that_claims_to_be_json():
    answer = streaming([b": hi\n\n" + stream_of(*GOOD)], **{"content-type": "application/json"})
    assert (await ask(client(transport=Answers(answer)))).message.text == "a"


async def test_gzip_is_undone_although_nobody_asked_for_it():
    import gzip

    packed = gzip.compress(stream_of(*GOOD))
    answer = streaming(pieces(packed, range(len(packed))), **{"content-encoding": "gzip"})
    assert (await ask(client(transport=Answers(answer)))).message.text == "a"


@pytest.mark.parametrize("scenario", ["json", "nodone", "usage_empty", "no_last_blank done=0", "cr", "bom"])
async def test_unusual_answers_of_the_demo_are_complete(to_demo, scenario):
    turn = await ask(to_demo, f"demo:{scenario}")
    assert turn.failure is None
    assert turn.message.complete
    assert turn.message.text


# Errors


@pytest.mark.parametrize("scenario", [f"error{shape}" for shape in range(1, 9)])
async def test_an_error_in_mid_stream_keeps_what_came(to_demo, scenario):
    turn = await ask(to_demo, f"demo:{scenario} at=5")
    assert isinstance(turn.error, ServerError)
    assert turn.message.text
    assert turn.message.reasoning
    assert turn.retries == []


@pytest.mark.parametrize("scenario", ["cut", "drop", "reset", "bad_json"])
async def test_row_7_a_cut_answer_is_a_failure_and_keeps_what_came(to_demo, scenario):
    turn = await ask(to_demo, f"demo:{scenario} at=5")
    assert isinstance(turn.error, StreamCutError)
    assert turn.message.text
    assert turn.retries == []


async def test_a_line_that_dies_after_the_finish_reason_is_complete():
    parts = [stream_of(*GOOD, done=False), CUT]
    assert (await ask(client(transport=Answers(streaming(parts))))).failure is None
    held = [stream_of(chunk({"content": "a <"}, "stop"), done=False), CUT]
    assert (await ask(client(transport=Answers(streaming(held))))).message.text == "a <"


async def test_what_was_held_back_is_given_out_when_the_line_dies():
    turn = await ask(client(transport=Answers(streaming([stream_of(chunk({"content": "a </th"}), done=False), CUT]))))
    assert isinstance(turn.error, StreamCutError)
    assert turn.message.text == "a </th"


async def test_a_wrong_key():
    with DemoServer(speed=0, key="another") as server, closing(client(server.url)) as asked:
        turn = await ask(asked)
        assert isinstance(turn.error, KeyRejectedError)
        assert len(server.requests) == 1


@pytest.mark.parametrize(("url", "hint"), [("http://127.0.0.1:{}/v1", "http"), ("http://127.0.0.1:{}/api/v1", "Check")])
async def test_nobody_is_there(url, hint):
    with DemoServer() as server:
        port = server.port
    turn = await ask(client(url.format(port)))
    assert isinstance(turn.error, UnreachableError)
    assert f"Cannot reach {url.format(port)}" in turn.error.message
    assert hint in turn.error.message + turn.error.hint
    assert turn.retries == []


async def test_a_local_server_that_does_not_run_tells_how_to_start_it():
    answers = Answers(httpx.ConnectError("[Errno 111] Connection refused"))
    turn = await ask(client("http://localhost:8080/v1", answers))
    assert "llama-server" in turn.error.hint
    assert turn.error.message.endswith(": Connection refused.")


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://x/v1", "http://", "http://[::1/v1", "http://h:port/v1", "http://a..b/v1"]
)
async def test_a_bad_address_is_told(url):
    turn = await ask(client(url))
    assert isinstance(turn.error, UnreachableError)
    assert "--base-url" in turn.error.hint
    assert turn.retries == []


@pytest.mark.parametrize(
    "proxy", ["nonsense://me:secret@proxy:1", "http://me:sec/ret@proxy:1", "http://me:secret@proxy:x"]
)
async def test_settings_of_the_network_that_cannot_be_used(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    asked = client()
    asked.prepare()
    turn = await ask(asked)
    assert isinstance(turn.error, UnreachableError)
    assert "ALL_PROXY" in turn.error.hint
    # Not even a part of the password.
    assert "sec" not in str(turn.error).replace("[secure]", "").replace("SSL_CERT", "")


async def test_no_proxy_stands_before_a_server_on_this_machine(monkeypatch, to_demo):
    for name in ("ALL_PROXY", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await ask(to_demo, "demo:haiku")).failure is None


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><p>Log in", b"  \n<html>"])
@pytest.mark.parametrize("kind", ["text/html", "text/event-stream"])
async def test_a_web_page_is_no_answer(body, kind):
    turn = await ask(client(transport=Answers(streaming([body], **{"content-type": kind}))))
    assert "web page" in turn.error.message
    assert "base URL" in turn.error.hint
    assert turn.retries == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"upstream connect error\n\nreset", "upstream connect error"),
        (b"error code: 502", "error code: 502"),
        (b": ping\n\n", "before an answer began"),
        (b"data\n\n", "before an answer began"),
    ],
)
async def test_a_text_in_place_of_a_stream_is_the_cause(body, words):
    turn = await ask(client(transport=Answers(*(streaming([body]) for _ in range(4)))))
    assert words in turn.error.message


async def test_an_error_page_becomes_words(to_demo):
    turn = await ask(to_demo, "demo:html502")
    assert "502 Bad Gateway" in turn.error.message
    assert "<" not in turn.error.message


async def test_a_server_that_moved():
    answer = httpx.Response(308, headers={"location": "https://new.example/v1/chat/completions"})
    turn = await ask(client(transport=Answers(answer)))
    assert turn.error.message.endswith("moved to https://new.example/v1.")
    assert "--base-url" in turn.error.hint


async def test_the_status_counts_even_if_the_body_breaks_off():
    answer = httpx.Response(402, stream=streaming([b'{"error":{"message":"no cre', CUT]).stream)
    turn = await ask(client(transport=Answers(answer)))
    assert isinstance(turn.error, ServerError)
    assert turn.error.code == 402


async def test_json_under_200_that_is_an_error(to_demo):
    turn = await ask(to_demo, "demo:json_error")
    assert isinstance(turn.error, ServerError)
    assert turn.error.code == 502


@pytest.mark.parametrize("body", [b"[1]", b"nothing", b"{broken"])
async def test_json_that_is_no_json(body):
    answer = streaming([body], **{"content-type": "application/json"})
    assert "not an answer" in (await ask(client(transport=Answers(answer)))).error.message


LONG = "x" * 480 + SECRET
ECHOES: list[Any] = [
    refusal(400, f"invalid key {SECRET}"),
    refusal(401, f"invalid key {SECRET}"),
    refusal(400, LONG),
    httpx.Response(403, text=f"<html>{SECRET}</html>"),
    httpx.Response(403, text="y " * 140 + SECRET),
    httpx.Response(302, headers={"location": f"https://x/?key={SECRET}"}),
    streaming([stream_of(*GOOD, {"error": {"message": f"Bearer {SECRET}"}})]),
    streaming([stream_of({"error": LONG, "choices": []})]),
    streaming([event(b"error: " + SECRET.encode() + b"\n\n")]),
    streaming([json.dumps({"error": {"message": LONG, "code": 400}}).encode()]),
    streaming([json.dumps({"detail": SECRET}).encode()]),
    httpx.ConnectError(f"proxy says {SECRET}"),
    httpx.ReadError(SECRET),
    ValueError(f"Illegal header value {SECRET}"),
]  # fmt: skip


@pytest.mark.parametrize("echo", ECHOES, ids=range(len(ECHOES)))
async def test_the_key_is_in_no_error_even_if_the_server_echoes_it(echo):
    turn = await ask(client(transport=Answers(*[echo] * (RETRIES + 1))))
    told = f"{turn.error} {turn.error!r} {turn.error.message} {turn.error.hint} {getattr(turn.error, 'body', '')}"
    told += "".join(retry.reason for retry in turn.retries)
    assert SECRET[:14] not in told


def test_a_client_that_never_asked_can_be_closed():
    opened = Client(URL, BACKENDS[0], Key(SECRET, "a test"), Options())
    opened.close()
    opened.prepare()
    opened.close()
    opened.close()

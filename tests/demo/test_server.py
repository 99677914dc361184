from __future__ import annotations

import json
import socket
import subprocess
import sys

import httpx
import pytest

from stepchat.demo.server import HOST, DemoServer
from stepchat.errors import UsageError
from tests.demo.conftest import KEY
from tests.demo.reading import CHAT, ask, body_of


def talk(server, *requests):
    # Reads until the server closes the connection, as it must after each of these.
    with socket.create_connection((HOST, server.port), timeout=10) as sock:
        for data in requests:
            sock.sendall(data)
        received = b""
        while data := sock.recv(65536):
            received += data
    return received


def raw_post(body: bytes, *headers: str) -> bytes:
    head = [f"POST /api/v1{CHAT} HTTP/1.1", "host: demo", "authorization: Bearer k", f"content-length: {len(body)}"]
    return "\r\n".join([*head, *headers, "", ""]).encode() + body


def test_listens_on_loopback_only(server):
    assert server.url == f"http://127.0.0.1:{server.port}/api/v1"
    assert server._listener.getsockname()[0] == "127.0.0.1"


def test_port_in_use_is_one_clear_sentence(server):
    with pytest.raises(UsageError, match=f"cannot use port {server.port}") as caught:
        DemoServer(port=server.port)
    assert "another port" in caught.value.hint


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_impossible_port(port):
    with pytest.raises(UsageError, match="between 0 and 65535"):
        DemoServer(port=port)


def test_chosen_port_is_used(server):
    port = server.port
    server.close()
    with DemoServer(port=port) as again:
        assert again.url == f"http://127.0.0.1:{port}/api/v1"


def test_close_ends_a_running_stream_and_every_thread(server, client):
    body = body_of("demo:long tokens=100000 speed=20")
    with client.stream("POST", CHAT, json=body) as response:
        pieces = response.iter_raw()
        next(pieces)
        server.close()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
    assert not server._acceptor.is_alive()
    assert server._clients == {}
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.url}/models", trust_env=False)
    server.close()


def test_close_ends_idle_connections(server, client):
    client.get("/models")
    server.close()
    assert server._clients == {}


def test_close_without_start():
    DemoServer().close()


def test_wait_returns_when_closed(server):
    server.close()
    server.wait()


def test_connection_is_kept_and_used_again(server):
    with socket.create_connection((HOST, server.port), timeout=10) as sock:
        stream = sock.makefile("rb")
        for _ in range(3):
            sock.sendall(b"GET /api/v1/models HTTP/1.1\r\nhost: demo\r\n\r\n")
            assert stream.readline() == b"HTTP/1.1 200 \r\n"
            length = 0
            while line := stream.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert json.loads(stream.read(length))["data"]
        stream.close()
    assert len(server.received) == 3


def test_pipelined_requests_are_answered_in_order(server):
    one = raw_post(json.dumps(body_of("demo:noreasoning")).encode())
    received = talk(server, one + b"GET /api/v1/nothing HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n")
    assert received.index(b"HTTP/1.1 200") < received.index(b"[DONE]") < received.index(b"HTTP/1.1 404")


def test_http_1_0_client(server):
    received = talk(server, b"GET /api/v1/models HTTP/1.0\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200")


def test_expect_continue(server):
    body = json.dumps(body_of("demo:noreasoning")).encode()
    request = raw_post(body, "expect: 100-continue", "connection: close")
    head, rest = request[: -len(body)], request[-len(body) :]
    with socket.create_connection((HOST, server.port), timeout=10) as sock:
        sock.sendall(head)
        assert sock.recv(1000).startswith(b"HTTP/1.1 100")
        sock.sendall(rest)
        stream = sock.makefile("rb")
        assert b"[DONE]" in stream.read()
        stream.close()


def test_garbage_is_refused(server):
    assert talk(server, b"\x16\x03\x01 this is not HTTP\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_body_that_is_too_large_is_refused_before_it_is_read(server):
    received = talk(server, b"POST /api/v1/models HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\nstart")
    assert received.startswith(b"HTTP/1.1 413")
    assert b"too large" in received


def test_chunked_body_that_is_too_large_is_refused(server):
    head = b"POST /api/v1/models HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    piece = b"1000000\r\n" + bytes(0x1000000) + b"\r\n"
    with socket.create_connection((HOST, server.port), timeout=10) as sock:
        sock.sendall(head + piece * 4)
        sock.sendall(b"1\r\nx\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 413")


def test_body_that_ends_too_early(server):
    with socket.create_connection((HOST, server.port), timeout=10) as sock:
        sock.sendall(b"POST /api/v1/models HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\nshort")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100).startswith(b"HTTP/1.1 400")
    assert server.requests == []


def test_head_and_unknown_methods(server):
    received = talk(server, b"HEAD /api/v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 405")
    assert received.endswith(b"\r\n\r\n")


def test_record_holds_requests_oldest_first_without_the_key(server, client):
    ask(client, "hello")
    client.get("/models", headers={"cookie": "secret-cookie", "x-api-key": KEY})
    server.wait_until(lambda _: len(server.received) == 2 and all(r.finished for r in server.received))
    chat, models = server.received
    assert server.requests == [chat]
    assert (chat.method, chat.path, chat.status, chat.finished) == ("POST", "/api/v1/chat/completions", 200, True)
    assert chat.body == body_of("hello")
    assert chat.headers["authorization"] == "Bearer ***"
    assert chat.generation_id.startswith("gen-")
    assert not chat.disconnected
    assert (models.method, models.path, models.status, models.body) == ("GET", "/api/v1/models", 200, None)
    everything = client.get(f"http://{HOST}:{server.port}/demo/requests").text
    assert KEY not in everything + repr(server.received)
    assert "secret-cookie" not in everything + repr(server.received)
    assert "Bearer ***" in everything


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_record_can_be_read_and_cleared_over_http(server, client, prefix):
    client.get("/models")
    server.wait_until(lambda _: server.received[0].finished)
    address = f"http://{HOST}:{server.port}{prefix}/demo/requests"
    recorded = client.get(address).json()["requests"]
    assert [entry["path"] for entry in recorded] == ["/api/v1/models"]
    assert recorded[0]["finished"] is True
    assert client.delete(address).json() == {"requests": []}
    assert client.get(address).json() == {"requests": []}
    assert client.put(address).status_code == 405
    assert server.received == []


def test_record_gives_back_numbers_as_they_were_spelled(server, client):
    content = b'{"stream":false,"messages":[{"role":"user","content":"hi","x":1.10,"y":1E-7,"z":"\\ud83d"}]}'
    assert client.post(CHAT, content=content).status_code == 200
    recorded = client.get(f"http://{HOST}:{server.port}/demo/requests").text
    assert '"x":1.10,"y":1E-7,"z":"\\ud83d"' in recorded


def test_cancel_is_recorded_and_the_script_stops(server, client):
    body = body_of("demo:long tokens=100000 speed=50")
    with client.stream("POST", CHAT, json=body) as response:
        next(response.iter_raw())
    assert server.wait_until(lambda requests: requests[0].disconnected)
    assert not server.requests[0].finished
    assert server.wait_until(lambda _: server._clients == {})


def test_cancel_while_nothing_is_sent_is_noticed(server, client):
    with client.stream("POST", CHAT, json=body_of("demo:silent wait=100")) as response:
        assert response.status_code == 200
    assert server.wait_until(lambda requests: requests[0].disconnected)


def test_demo_imports_nothing_heavy():
    source = "import sys, stepchat.demo.server\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout.split()
    assert "h11" in loaded
    assert not {"textual", "httpx", "asyncio", "http", "click", "rich"} & set(loaded)

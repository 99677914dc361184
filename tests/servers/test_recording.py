from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.demo.server import DemoServer
from stepchat.servers.recording import ExchangeRecorder, curl
from stepchat.sessions.exchanges import pack, unpack

READS = st.lists(st.one_of(st.binary(max_size=8), st.integers(0, 90_000).map(bytes)), max_size=12)


def taped(reads, mask=bytes):
    tape = ExchangeRecorder("http://a.b/c", {}, mask=mask)
    for data in reads:
        tape.add_read(data)
    return tape


@given(READS)
@settings(max_examples=40)
def test_what_was_read_comes_back_read_by_read(reads):
    pieces = taped(reads).pieces()
    assert [data for _, data in pieces] == reads
    assert [data for _, data in pieces] == reads, "and once more"
    assert len(pieces) == len(reads)
    times = [seconds for seconds, _ in pieces]
    assert times == sorted(times)
    assert unpack(pack(pieces)) == tuple(pieces)


def test_what_comes_later_is_not_in_pieces_that_were_taken_before():
    tape = taped([b"one", b"two" * 40_000])
    before = tape.pieces()
    tape.add_read(b"three")
    assert [data for _, data in before] == [b"one", b"two" * 40_000]
    assert [data for _, data in tape.pieces()] == [b"one", b"two" * 40_000, b"three"]


def test_a_key_is_masked_also_where_two_reads_share_it():
    reads = [b"a" * 70_000, b"b" * 70_000 + b"se", b"cret b"]
    tape = taped(reads, lambda data: data.replace(b"secret", b"******"))
    assert [data for _, data in tape.pieces()] == [b"a" * 70_000, b"b" * 70_000 + b"**", b"**** b"]
    assert tape.masked


HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer [key removed]", "X-Title": "it's $HOME `id`"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("size", [10, 300_000])
def test_the_command_sends_the_same_request_whatever_is_in_it(size):
    hostile = "'; echo owned; '\n$(id) `id` \\ \" ! \u2028 \ud800 END\nEND\n" + "x" * size
    body = {"messages": [{"role": "user", "content": hostile}], "stream": False}
    with DemoServer(speed=0) as server:
        command = curl(f"{server.url}/chat/completions", HEADERS, lossless_json.dumps(body), "A_KEY")
        assert "[key removed]" not in command
        ran = subprocess.run(
            ["sh", "-s"], input=command.replace("curl ", "curl -sS ", 1).encode(), capture_output=True, check=True,
            env={**os.environ, "A_KEY": "sk-or-test"},
        )  # fmt: skip
        assert json.loads(ran.stdout)["choices"]
        (request,) = server.requests
        assert request.body == body
        assert request.headers["x-title"] == HEADERS["X-Title"]
        assert request.headers["authorization"] == "Bearer ***"


def test_a_server_without_a_key_is_asked_without_one():
    assert "Authorization" not in curl("http://127.0.0.1/v1", {}, "{}", "A_KEY")
    assert '"Authorization: Bearer $A_KEY"' in curl("http://127.0.0.1/v1", HEADERS, "{}", "A_KEY")

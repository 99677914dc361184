from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from stepchat import lossless_json
from stepchat.demo.server import DemoServer
from stepchat.servers.curl import curl

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

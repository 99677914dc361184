from __future__ import annotations

import signal
from functools import cache
from typing import TYPE_CHECKING

import pytest

from stepchat.demo.server import DemoServer
from tests.e2e.program import Running, export, look, on_disk, stepchat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUESTION = "demo:long tokens=6000 reasoning=250 speed=700"


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running


@cache
def whole_answer() -> dict[str, str]:
    """What the server says when nobody is killed."""
    with DemoServer(speed=0) as server:
        import httpx

        body = {"messages": [{"role": "user", "content": QUESTION.replace("speed=700", "speed=0")}], "stream": False}
        answer = httpx.post(
            f"{server.url}/chat/completions", json=body, headers={"Authorization": "Bearer x"}, trust_env=False
        )
        return answer.json()["choices"][0]["message"]


def question_is_on_disk(running: Running, home: Path) -> bool:
    return bool(look(home, "SELECT 1 FROM message WHERE role = 'user'"))


MOMENTS: dict[str, Callable[[Running, Path], bool]] = {
    "before the request": question_is_on_disk,
    "first thought": lambda running, _: bool(running.err),
    "thoughts on disk": lambda _, home: bool(on_disk(home).reasoning),
    "first word": lambda running, _: bool(running.out),
    "amid the answer": lambda running, _: len(running.out) > 1000,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_leaves_a_turn_that_can_go_on(tmp_path, server, moment):
    with Running(tmp_path, server.url, QUESTION, "--show-reasoning") as running:
        running.wait_for(lambda running: MOMENTS[moment](running, tmp_path))
        # What was there before the kill must be there after it.
        before = on_disk(tmp_path)
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
    messages = export(tmp_path, "demo")
    assert messages[0]["content"] == QUESTION
    whole = whole_answer()
    for answer in messages[1:]:
        assert (answer["stop"], answer["error"]) == ("cut", None)
        assert whole["content"].startswith(answer["content"])
        assert whole["reasoning"].partition("\n")[2].startswith(answer["reasoning"].partition("\n")[2])
        assert answer["content"].startswith(before.text)
        assert answer["reasoning"].startswith(before.reasoning)
        details = answer["reasoning_details"]
        assert "".join(entry["text"] for entry in details or []) == answer["reasoning"]
    assert look(tmp_path, "SELECT count(*) FROM part") == [(0,)]
    assert stepchat(tmp_path, server.url, "--continue", "demo:haiku speed=0").returncode == 0
    sent = server.requests[-1].body["messages"]
    # The partial text goes along, incomplete reasoning does not.
    partial = [{"role": "assistant", "content": answer["content"]} for answer in messages[1:] if answer["content"]]
    assert sent == [
        {"role": "user", "content": QUESTION},
        *partial,
        {"role": "user", "content": "demo:haiku speed=0"},
    ]


def test_nothing_is_lost_when_the_last_word_is_older_than_the_promise(tmp_path, server):
    with Running(tmp_path, server.url, "demo:silent at=60 wait=60", "--show-reasoning") as running:
        running.wait_for(lambda running: bool(running.out) and on_disk(tmp_path).text == running.out)
        assert server.requests[0].finished is False
        running.end(signal.SIGKILL)
        out, err = running.out, running.err
    (_, answer) = export(tmp_path, "demo")
    assert (answer["stop"], answer["content"], f"{answer['reasoning']}\n") == ("cut", out, err)


def test_a_living_process_keeps_its_answer(tmp_path, server):
    with Running(tmp_path, server.url, "demo:silent at=5 wait=60") as running:
        running.wait_for(lambda _: bool(on_disk(tmp_path).text))
        # Another stepchat opens the store meanwhile: it must not take the answer for cut.
        assert [message["role"] for message in export(tmp_path, "demo")] == ["user"]
        assert running.end(signal.SIGINT) == 130
    assert [message.get("stop") for message in export(tmp_path, "demo")] == [None, "cancelled"]


def test_a_temporary_session_leaves_nothing_behind(tmp_path: Path, server: DemoServer) -> None:
    with Running(tmp_path, server.url, "--temporary", f"SECRETWORD {QUESTION}") as running:
        running.wait_for(lambda running: len(running.out) > 200)
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"SECRETWORD" in path.read_bytes()]
    assert not list(tmp_path.rglob("sessions.db*"))

from __future__ import annotations

import io
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from stepchat.cli import stdin
from stepchat.cli.stdin import read_stdin
from stepchat.demo.server import DemoServer
from stepchat.errors import UsageError
from stepchat.text.encoding import decode
from tests.shell import Shell

SOON = {"hint_after": 0.05, "give_up_after": 0.1}


@pytest.fixture
def pipe():
    """The reading end as a text stream, and the descriptor of the writing end."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stream:
        yield stream, writing


def test_a_pipe_is_read_to_its_end_once_a_byte_has_arrived(pipe):
    stream, writing = pipe
    notices: list[str] = []

    def write_slowly() -> None:
        os.write(writing, b"one ")
        time.sleep(0.3)
        os.write(writing, b"two")
        os.close(writing)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert read_stdin(stream, notices.append, has_question=True, **SOON) == "one two"
    writer.join()
    assert notices == []


def test_a_silent_pipe_is_reported_and_then_left(pipe):
    stream, writing = pipe
    notices: list[str] = []
    assert read_stdin(stream, notices.append, has_question=True, **SOON) == ""
    assert notices == [
        "Waiting for input on stdin. After 0.1 s the question is sent without it; to send it at once, add < /dev/null",
        "No input on stdin: sending the question without it.",
    ]
    os.close(writing)


def test_input_that_comes_after_the_notice_counts(pipe):
    stream, writing = pipe
    notices: list[str] = []

    def report(text: str) -> None:
        notices.append(text)
        os.write(writing, b"late")
        os.close(writing)

    assert read_stdin(stream, report, has_question=True, hint_after=0.01, give_up_after=60) == "late"
    assert len(notices) == 1


def test_a_question_that_can_only_come_from_stdin_is_waited_for(pipe):
    stream, writing = pipe
    notices: list[str] = []

    def report(text: str) -> None:
        notices.append(text)
        threading.Timer(0.2, lambda: (os.write(writing, b"Why?"), os.close(writing))).start()

    assert read_stdin(stream, report, has_question=False, **SOON) == "Why?"
    assert notices == ["Waiting for the question on stdin."]


@pytest.mark.parametrize("closed", [True, False])
def test_what_has_ended_is_not_waited_for(pipe, closed):
    stream, writing = pipe
    os.close(writing)
    with Path(os.devnull).open() as null:
        assert read_stdin(stream if closed else null, pytest.fail, has_question=True, hint_after=60) == ""


def test_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(stdin, "MAX_BYTES", 10_000_000)
    with Path("/dev/zero").open() as endless, pytest.raises(UsageError, match="stdin is larger than 10 MB"):
        read_stdin(endless, pytest.fail, has_question=True)


TEXT = "déjà vu: 日本\nsecond line"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(), TEXT.encode("utf-8-sig"), TEXT.encode("utf-16"), b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"), TEXT.encode("utf-16-le"), TEXT.encode("utf-16-be"),
    ],
)  # fmt: skip
def test_the_encoding_is_recognized(data):
    assert decode(data) == TEXT


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""), (b"\xef\xbb\xbf", ""), (b"\xff\xfe", ""), (b"a", "a"), (b"\0", "\0"), (b"a\0b", "a\0b"),
        (b"caf\xe9", "caf\ufffd"), (b"find . -print0\0./a\0./b\0", "find . -print0\0./a\0./b\0"),
        (b"H\0i\0", "Hi"), (b"\0H\0i", "Hi"), (b"\0" * 8, "\0" * 8),
    ],
)  # fmt: skip
def test_odd_input_is_decoded_all_the_same(data, text):
    assert decode(data) == text


def test_the_question_goes_ahead_without_a_pipe_that_says_nothing(tmp_path, monkeypatch, capsys, pipe):
    stream, writing = pipe
    with DemoServer(speed=0) as server:
        shell = Shell(tmp_path, server, monkeypatch, capsys)
        monkeypatch.setattr(sys, "stdin", stream)
        monkeypatch.setattr(read_stdin, "__kwdefaults__", SOON)
        ran = shell("demo:haiku")
    assert (ran.code, ran.out[:4]) == (0, "Rain")
    assert ran.err.count("stepchat: ") == 2
    os.close(writing)


def test_utf_16_reaches_the_server_as_text(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        shell = Shell(tmp_path, server, monkeypatch, capsys)
        shell.pipe("Warum? Größe.".encode("utf-16"))
        assert shell().code == 0
        assert shell.question() == "Warum? Größe."
    assert isinstance(sys.stdin, io.TextIOWrapper)

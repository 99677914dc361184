"""`stepchat -f`: what the server receives, what is stored, and what is rejected before anything is sent."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from stepchat.demo.server import DemoServer
from tests.attachments import files
from tests.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READER = "anthropic/claude-sonnet-4.5"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "report.pdf").write_bytes(files.pdf("Revenue grew"))
    (work / "chart.png").write_bytes(files.png())
    (work / "notes.txt").write_text("größer\n")
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path / "home", server, monkeypatch, capsys)


def test_files_are_sent_stored_and_described(shell: Shell) -> None:
    ran = shell("-m", READER, "-f", "report.pdf", "-f", "chart.png", "--file", "notes.txt", "What changed?")
    assert ran.code == 0
    assert "| report.pdf | application/pdf | " in ran.out
    assert "| chart.png | image/png | 121 bytes |" in ran.out
    assert "| notes.txt | text | 1 line, 8 bytes |" in ran.out
    question = shell.question()
    assert base64.b64decode(question[2]["image_url"]["url"].partition(",")[2]) == files.png()
    # The next question sends them again, from the database alone.
    for name in ("report.pdf", "chart.png", "notes.txt"):
        (shell.home.parent / "work" / name).unlink()
    assert shell("--continue", "And now?").code == 0
    assert [message["role"] for message in shell.asked()["messages"]] == ["user", "assistant", "user"]
    assert shell.asked()["messages"][0]["content"] == question
    message = shell.stored(shell.newest()["id"])[0].message
    assert message.text == "What changed?"
    assert [one.name for one in message.attachments] == ["report.pdf", "chart.png", "notes.txt"]


def test_a_model_without_files_gets_the_text_and_later_a_note(shell: Shell) -> None:
    assert shell("-m", "deepseek/deepseek-v3.2", "-f", "report.pdf", "What changed?").code == 0
    assert shell.question() == ("File report.pdf (text of a PDF):\n```\n[page 1]\nRevenue grew\n```\n\nWhat changed?")
    assert shell("-m", READER, "-f", "chart.png", "Look").code == 0
    ran = shell("--continue", "-m", "deepseek/deepseek-v3.2", "And?")
    assert "Not sent, because this model does not accept them: chart.png." in ran.err
    assert shell.asked()["messages"][0]["content"].startswith(
        "[chart.png (PNG image · 64 × 48 · 121 bytes) was attached here."
    )


def test_stdin_is_a_file(shell: Shell) -> None:
    shell.pipe("Größe\n".encode("utf-16"))
    assert shell("-f", "-", "Explain").code == 0
    assert shell.question() == "File stdin:\n```\nGröße\n```\n\nExplain"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["gone.txt"], "Cannot attach gone.txt: there is no such file."),
        (["notes.txt", "."], "Cannot attach .: it is a directory."),
        (["chart.png"], "chart.png is a PNG image, which step-3.5-flash does not accept. Models that accept images: "),
        (["notes.txt"] * 101, "These are 101 files; at most 100 can be attached at once."),
    ],
)
def test_what_cannot_be_attached_is_rejected_before_anything_is_sent(
    shell: Shell, names: list[str], words: str
) -> None:
    assert words in shell.refuse(2, *(part for name in names for part in ("-f", name)), "Look")
    assert all(request.path.endswith("/models") for request in shell.server.requests)
    assert shell("sessions", "list", "--json").out.strip() == "[]"


def test_tokens_of_files_count_towards_the_context_window(shell: Shell) -> None:
    shell("models")
    (shell.home.parent / "work" / "big.txt").write_text("word " * 300_000)
    message = shell.refuse(2, "-f", "big.txt", "Summarize")
    assert "context window holds 262,144. Nothing was sent." in message


def test_files_alone_are_no_question(shell: Shell) -> None:
    assert "No question." in shell.refuse(2, "-f", "notes.txt")


def test_showing_a_session_names_images_and_prints_texts(shell: Shell) -> None:
    shell("-m", READER, "-f", "chart.png", "-f", "notes.txt", "What changed?")
    ran = shell("sessions", "show", shell.newest()["id"])
    assert "chart.png · PNG image · 64 × 48 · 121 bytes" in ran.out
    assert "größer" in ran.out
    assert "base64" not in ran.out

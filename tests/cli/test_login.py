from __future__ import annotations

import io
import sys
import threading

import httpx
import pytest

from stepchat.cli import login
from stepchat.demo.server import DemoServer
from tests.shell import Shell

KEY = "sk-or-v1-0123456789abcdef"


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        shell = Shell(tmp_path, server, monkeypatch, capsys)
        shell.set(OPENROUTER_API_KEY=None)
        yield shell


def key_file(shell: Shell):
    return shell.home / "keys" / "openrouter"


class Screen(io.StringIO):
    """stderr that a person reads: they open the address that is printed on it."""

    def write(self, text: str) -> int:
        for word in text.split():
            if "/auth?" in word:
                threading.Thread(target=self.open, args=(word,)).start()
        return super().write(text)

    def open(self, address: str) -> None:
        with httpx.Client(trust_env=False) as browser:
            back = browser.get(address).headers["location"]
            browser.get(back.replace("localhost", "127.0.0.1"))


def test_login_with_the_browser_then_logout(shell, monkeypatch):
    monkeypatch.setenv("BROWSER", "true")
    monkeypatch.setattr(sys, "stderr", Screen())
    ran = shell("login", "--timeout", "20")
    assert ran.code == 0
    assert f"Saved the key for OpenRouter in the file {key_file(shell)}" in ran.out
    assert "$10.00 left of $10.00" in ran.out
    key = key_file(shell).read_text().strip()
    assert key.startswith("sk-or-demo-")
    assert key not in ran.out + sys.stderr.getvalue()
    assert key_file(shell).stat().st_mode & 0o777 == 0o600
    assert key_file(shell).parent.stat().st_mode & 0o777 == 0o700
    assert shell("demo:haiku").code == 0
    gone = shell("logout")
    assert (gone.code, "Removed the key" in gone.out, key_file(shell).exists()) == (0, True, False)


def test_nobody_comes_back(shell, monkeypatch):
    monkeypatch.setenv("BROWSER", "true")
    ran = shell("login", "--timeout", "1")
    assert ran.code == 3
    assert "stepchat login --paste" in ran.err


def test_login_with_a_wrong_code(shell):
    shell.pipe(b"no-such-code\n")
    ran = shell("login", "--paste")
    assert ran.code == 3
    assert "/auth?code_challenge=" in ran.err
    assert "no-such-code" not in ran.err
    assert not key_file(shell).exists()


def test_a_key_of_ones_own_is_piped_in(shell):
    shell.pipe(f"{KEY}\n".encode())
    ran = shell("login", "--key")
    assert ran.code == 0
    assert key_file(shell).read_text() == f"{KEY}\n"
    assert KEY not in ran.out + ran.err
    # This server only imitates the one whose key lies there now.
    shell.pipe(b"sk-another\n")
    assert "its key would overwrite your OpenRouter key" in shell("login", "--key").err
    assert key_file(shell).read_text() == f"{KEY}\n"


@pytest.mark.parametrize("given", [b"", b"\n", b"with blanks in it\n"])
def test_what_cannot_be_a_key(shell, given):
    shell.pipe(given)
    assert shell("login", "--key").code == 2
    assert not key_file(shell).exists()


def test_servers_without_a_login_take_a_key(shell):
    shell.pipe(b"sk-deep\n")
    ran = shell("login", "--server", "deepseek")
    assert (ran.code, (shell.home / "keys" / "deepseek").read_text()) == (0, "sk-deep\n")
    assert "Removed the key for DeepSeek" in shell("logout", "--server", "deepseek").out


def test_the_environment_goes_before_what_is_kept(shell):
    shell.set(OPENROUTER_API_KEY=KEY)
    shell.pipe(b"sk-other\n")
    assert "OPENROUTER_API_KEY is set and takes precedence." in shell("login", "--key").err
    assert "unset OPENROUTER_API_KEY" in shell("logout").err
    assert "No key for OpenRouter is stored." in shell("logout").err


def test_no_option_takes_the_key_itself():
    # Whatever stands on a command line can be read by every user of the machine.
    for command in (login.login, login.logout):
        assert all(option.is_flag for option in command.params if "key" in option.name or "paste" in option.name)

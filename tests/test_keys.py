from __future__ import annotations

import os
import sys
from types import ModuleType

import pytest

from stepchat.errors import ConfigError, StoreError
from stepchat.keys import Key, find_key, forget_key, missing_key, save_key
from stepchat.paths import Paths

SECRET = "sk-or-v1-0123456789"


@pytest.fixture
def paths(tmp_path):
    return Paths(tmp_path, tmp_path, tmp_path)


@pytest.fixture(autouse=True)
def keyring(monkeypatch):
    """An empty keyring in place of the one of this machine; what a test puts in by name is found."""
    errors = ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})
    module = ModuleType("keyring")
    module.errors, module.entries = errors, {}
    module.get_password = lambda service, name: module.entries.get((service, name))
    module.set_password = lambda service, name, value: module.entries.update({(service, name): value})
    module.delete_password = lambda service, name: module.entries.pop((service, name))
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return module


@pytest.fixture
def keep(paths):
    def keep(text: str | bytes, mode: int = 0o600) -> None:
        path = paths.config / "keys" / "openrouter"
        path.parent.mkdir(mode=0o700)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)

    return keep


def find(paths: Paths, **environ: str) -> Key | None:
    return find_key("openrouter", ("OPENROUTER_API_KEY",), environ, paths)


def test_no_key_anywhere(paths):
    assert find(paths) is None
    assert find(paths, OPENROUTER_API_KEY="") is None
    assert find(paths, OPENROUTER_API_KEY="  \n") is None
    assert find(paths, OTHER_KEY=SECRET) is None
    assert find_key("local", (), {"None": SECRET}, paths) is None


def test_key_from_the_environment(paths):
    key = find(paths, OPENROUTER_API_KEY=f" {SECRET}\n")
    assert key is not None
    assert key.bearer() == f"Bearer {SECRET}"
    assert key.source == "the environment (OPENROUTER_API_KEY)"


def test_key_from_the_private_file(paths, keep):
    keep(f"{SECRET}\n")
    key = find(paths)
    assert key is not None
    assert key.bearer() == f"Bearer {SECRET}"
    assert key.source == f"the file {paths.config / 'keys' / 'openrouter'}"


def test_environment_comes_before_the_file(paths, keep):
    keep("sk-file")
    key = find(paths, OPENROUTER_API_KEY=SECRET)
    assert key is not None
    assert key.bearer() == f"Bearer {SECRET}"


def test_key_from_the_keyring_comes_before_the_file(paths, keep, keyring):
    keep("sk-file")
    keyring.entries["stepchat", "openrouter"] = f"{SECRET}\n"
    key = find(paths)
    assert key is not None
    assert (key.bearer(), key.source) == (f"Bearer {SECRET}", "the system keyring")
    keyring.entries["stepchat", "openrouter"] = "odd one"
    with pytest.raises(ConfigError, match="from the system keyring holds characters"):
        find(paths)


def test_a_locked_keyring_is_no_keyring(paths, keep, keyring):
    keep(SECRET)

    def locked(service, name):
        raise keyring.errors.KeyringError

    keyring.get_password = locked
    key = find(paths)
    assert key is not None
    assert key.source.startswith("the file")


def test_an_empty_file_is_no_key(paths, keep):
    keep(" \n")
    assert find(paths) is None


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610, 0o601])
def test_a_file_others_can_read_is_refused(paths, keep, mode):
    keep(SECRET, mode)
    with pytest.raises(ConfigError) as raised:
        find(paths)
    path = paths.config / "keys" / "openrouter"
    assert raised.value.message == f"The key file {path} can be read by other users."
    assert raised.value.hint == f"Run: chmod 600 {path}"
    assert path.stat().st_mode & 0o777 == mode


ODD = [
    "a\nb",
    "a\x1b[31mb",
    "a b",
    "a\x00b",
    "clé",
    "\u202ea",
    "a\x7f",
    '"sk-or-1"',
    "'sk-or-1'",
    "`sk`",
    "a\rb",
    "\udcff",
]


@pytest.mark.parametrize("value", ODD)
def test_characters_no_key_has_are_refused_without_showing_them(paths, value):
    with pytest.raises(ConfigError) as raised:
        find(paths, OPENROUTER_API_KEY=value)
    assert raised.value.message == (
        "The API key from the environment (OPENROUTER_API_KEY) holds characters that no key has."
    )
    assert value not in str(raised.value)


@pytest.mark.parametrize("content", ["two\nlines", b"\xff\xfe", "key with spaces"])
def test_a_file_that_holds_no_key(paths, keep, content):
    keep(content)
    with pytest.raises(ConfigError, match="key"):
        find(paths)


def test_a_directory_in_place_of_the_file(paths):
    (paths.config / "keys" / "openrouter").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"Cannot read the key file .*: Is a directory\."):
        find(paths)


def test_a_key_does_not_show_itself(paths):
    key = find(paths, OPENROUTER_API_KEY=SECRET)
    for shown in (repr(key), str(key), f"{key}", f"{[key]}", f"{key!r:>40}", "%s %r" % (key, key)):  # noqa: UP031
        assert SECRET not in shown
        assert "environment" in shown


def test_a_key_is_taken_out_of_words():
    key = Key(SECRET, "x")
    assert key.redact(f"no {SECRET}, {SECRET}!") == "no [key removed], [key removed]!"
    assert key.redact("nothing") == "nothing"


@pytest.mark.parametrize("word", ["x", "none", "EMPTY", "0000000"])
def test_a_word_in_place_of_a_key_damages_nothing(word):
    key = Key(word, "a test")
    assert key.redact(f"the {word} model") == f"the {word} model"
    assert key.mask(word.encode()) == word.encode()


def test_the_shortest_key_that_is_a_secret():
    key = Key("12345678", "a test")
    assert key.redact("a12345678b") == "a[key removed]b"
    assert key.mask(b"a12345678b") == b"a********b"


def test_the_ways_to_give_a_key(paths):
    error = missing_key("OpenRouter", "OPENROUTER_API_KEY", "openrouter", paths)
    assert error.message == "No API key for OpenRouter."
    for way in (
        "export OPENROUTER_API_KEY=",
        "keyring set stepchat openrouter",
        str(paths.config / "keys" / "openrouter"),
        "stepchat --demo",
    ):
        assert way in error.hint


def test_keys_of_servers_have_files_of_their_own(paths, keep):
    keep(SECRET)
    assert find_key("deepseek", ("DEEPSEEK_API_KEY",), {}, paths) is None


def test_a_key_is_kept_in_the_keyring(paths, keyring, keep):
    keep("sk-an-old-one")
    assert save_key(Key(SECRET, "test"), "openrouter", paths) == "the system keyring"
    assert keyring.entries == {("stepchat", "openrouter"): SECRET}
    assert not (paths.config / "keys" / "openrouter").exists()
    assert find(paths).source == "the system keyring"
    assert forget_key("openrouter", paths) == ["the system keyring"]
    assert find(paths) is None


def refuse(*_):
    raise RuntimeError("no backend")


@pytest.mark.parametrize("broken", [refuse, lambda *_: None], ids=["raises", "keeps nothing"])
def test_without_a_keyring_that_works_it_is_a_private_file(paths, keyring, broken):
    keyring.set_password = broken
    path = paths.config / "keys" / "openrouter"
    assert save_key(Key(SECRET, "test"), "openrouter", paths) == f"the file {path}"
    assert path.read_text() == f"{SECRET}\n"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert find(paths).bearer() == f"Bearer {SECRET}"
    assert forget_key("openrouter", paths) == [f"the file {path}"]
    assert forget_key("openrouter", paths) == []


def test_a_file_that_cannot_be_written_is_told(paths, keyring):
    keyring.set_password = refuse
    (paths.config / "keys").write_text("in the way")
    with pytest.raises(StoreError) as raised:
        save_key(Key(SECRET, "test"), "openrouter", paths)
    assert SECRET not in str(raised.value)

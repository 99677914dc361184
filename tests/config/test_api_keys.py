from __future__ import annotations

import os
import threading

import pytest

from stepchat.config.api_keys import Key, KeyLookup, find_key, forget_key, missing_key_error, save_key
from stepchat.config.keyring import Keyring, KeyringUnavailableError
from stepchat.config.paths import Paths
from stepchat.errors import ConfigError, StoreError

SECRET = "sk-or-v1-0123456789"


@pytest.fixture
def paths(tmp_path):
    return Paths(tmp_path, tmp_path, tmp_path)


class Fake:
    """A keyring's backend. What `faults` says of an action, it raises."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.faults: dict[str, Exception] = {}
        self.keeps = True

    def get_password(self, service: str, name: str) -> str | None:
        self._fail("get")
        return self.entries.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self._fail("set")
        if self.keeps:
            self.entries[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        self._fail("delete")
        del self.entries[service, name]

    def _fail(self, action: str) -> None:
        if action in self.faults:
            raise self.faults[action]

    def __call__(self) -> Fake:
        """As the argument `backend`."""
        return self


class KeyringError(Exception):
    """These three are named as the package names its own."""


class KeyringLocked(KeyringError):
    pass


class NoKeyringError(KeyringError, RuntimeError):
    pass


@pytest.fixture
def keyring():
    return Fake()


@pytest.fixture
def keep(paths):
    def keep(text: str | bytes, mode: int = 0o600) -> None:
        path = paths.config / "keys" / "openrouter"
        path.parent.mkdir(mode=0o700)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)

    return keep


def find(paths: Paths, backend=lambda: None, **environ: str) -> Key | None:
    return find_key("openrouter", ("OPENROUTER_API_KEY",), environ, paths, backend).key


def test_no_key_anywhere(paths):
    assert find(paths) is None
    assert find(paths, OPENROUTER_API_KEY="") is None
    assert find(paths, OPENROUTER_API_KEY="  \n") is None
    assert find(paths, OTHER_KEY=SECRET) is None
    assert find_key("local", (), {"None": SECRET}, paths, lambda: None).key is None


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
    key = find(paths, keyring)
    assert key is not None
    assert (key.bearer(), key.source) == (f"Bearer {SECRET}", "the system keyring")
    keyring.entries["stepchat", "openrouter"] = "odd one"
    with pytest.raises(ConfigError, match="from the system keyring contains invalid characters"):
        find(paths, keyring)


FAULTS = {
    "is locked": (KeyringLocked(SECRET), "Unlock it and try again."),
    "does not work (OSError)": (OSError(SECRET), "See: keyring diagnose"),
    "does not work (KeyringError)": (KeyringError(SECRET), "See: keyring diagnose"),
}


@pytest.mark.parametrize("words", FAULTS)
def test_a_keyring_that_fails_is_told_when_there_is_no_other_key(paths, keep, keyring, words):
    keyring.faults["get"], hint = FAULTS[words]
    found = find_key("openrouter", (), {}, paths, keyring)
    assert found.key is None
    error = missing_key_error("OpenRouter", "OPENROUTER_API_KEY", "openrouter", paths, found.keyring_error)
    assert error.message == f"No API key for OpenRouter: the system keyring {words}."
    assert error.hint.startswith(f"{hint} Or another way. Use one of these:")
    assert SECRET not in str(error)
    keep(SECRET)
    assert find(paths, keyring).source.startswith("the file")


def test_no_keyring_at_all_is_no_fault(paths, keyring):
    keyring.faults["get"] = NoKeyringError()
    assert find_key("openrouter", (), {}, paths, keyring) == KeyLookup(None)


def test_a_keyring_that_never_answers_does_not_hold_up_the_program():
    answered = threading.Event()
    fake = Fake()
    fake.get_password = lambda *_: answered.wait(30)
    with pytest.raises(KeyringUnavailableError) as raised:
        Keyring(fake, timeout=0.01).get("openrouter")
    answered.set()
    assert raised.value.message == "did not answer within 0.01 seconds"
    assert "unlock it" in raised.value.hint


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
        "The API key from the environment (OPENROUTER_API_KEY) contains invalid characters."
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
    error = missing_key_error("OpenRouter", "OPENROUTER_API_KEY", "openrouter", paths)
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
    assert find_key("deepseek", ("DEEPSEEK_API_KEY",), {}, paths, lambda: None).key is None


def test_a_key_is_kept_in_the_keyring(paths, keyring, keep):
    keep("sk-an-old-one")
    assert save_key(Key(SECRET, "test"), "openrouter", paths, keyring) == "the system keyring"
    assert keyring.entries == {("stepchat", "openrouter"): SECRET}
    assert not (paths.config / "keys" / "openrouter").exists()
    assert find(paths, keyring).source == "the system keyring"
    assert forget_key("openrouter", paths, keyring) == ["the system keyring"]
    assert find(paths, keyring) is None


WHY = {
    "": None,
    ", because the system keyring is not available": NoKeyringError(),
    ", because the system keyring is locked": KeyringLocked(),
    ", because the system keyring does not store what it is given": "keeps nothing",
}


@pytest.mark.parametrize("why", WHY)
def test_without_a_keyring_that_works_it_is_a_private_file(paths, keyring, why):
    fault = WHY[why]
    keyring.keeps = fault != "keeps nothing"
    if isinstance(fault, Exception):
        keyring.faults = dict.fromkeys(("get", "set", "delete"), fault)
    backend = keyring if fault else lambda: None
    path = paths.config / "keys" / "openrouter"
    assert save_key(Key(SECRET, "test"), "openrouter", paths, backend) == f"the file {path}{why}"
    assert path.read_text() == f"{SECRET}\n"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert find(paths, backend).bearer() == f"Bearer {SECRET}"
    if isinstance(fault, KeyringLocked):
        with pytest.raises(
            StoreError, match=r"was removed from the file .*, but one may still be in the system keyring"
        ):
            forget_key("openrouter", paths, backend)
    else:
        assert forget_key("openrouter", paths, backend) == [f"the file {path}"]
        assert forget_key("openrouter", paths, backend) == []
    assert not path.exists()


def test_a_key_that_the_keyring_does_not_let_go_of_is_not_said_to_be_gone(paths, keyring):
    keyring.entries["stepchat", "openrouter"] = SECRET
    keyring.faults["delete"] = KeyringError(SECRET)
    with pytest.raises(StoreError) as raised:
        forget_key("openrouter", paths, keyring)
    assert raised.value.message.startswith("The key was not removed: one may still be in the system keyring, which")
    assert "keyring del stepchat openrouter" in raised.value.hint
    assert SECRET not in str(raised.value)


def test_an_older_key_in_a_keyring_that_takes_no_new_one_is_not_hidden(paths, keyring):
    keyring.entries["stepchat", "openrouter"] = "sk-an-old-one"
    keyring.faults["set"] = KeyringLocked()
    with pytest.raises(
        StoreError, match=r"The system keyring .*, and it holds an older key that takes precedence"
    ) as raised:
        save_key(Key(SECRET, "test"), "openrouter", paths, keyring)
    assert raised.value.hint == "Remove it first: keyring del stepchat openrouter"


def test_a_file_that_cannot_be_removed_is_told(paths, keyring):
    path = paths.config / "keys" / "openrouter"
    path.mkdir(parents=True)
    assert save_key(Key(SECRET, "test"), "openrouter", paths, keyring).startswith(
        f"the system keyring; an older key remains in {path}, which cannot be removed: "
    )
    with pytest.raises(StoreError, match=r"was removed from the system keyring, but the file .* cannot be removed"):
        forget_key("openrouter", paths, keyring)


def test_a_file_that_cannot_be_written_is_told(paths):
    (paths.config / "keys").write_text("in the way")
    with pytest.raises(StoreError) as raised:
        save_key(Key(SECRET, "test"), "openrouter", paths, lambda: None)
    assert SECRET not in str(raised.value)

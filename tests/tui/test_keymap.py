from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.keys import _character_to_key

from stepchat.tui.keymap import KeyRow, build_keymap, character_name, key_label, normalize_key

ROWS = (
    KeyRow("retry", "chat", ("alt+r", "leader r"), "Regenerate the last answer"),
    KeyRow("palette", "chat", ("ctrl+p", "leader p"), "Command palette"),
    KeyRow("fork", "chat", (), "Fork the session"),
    KeyRow("kill-line-right", "prompt", ("ctrl+k",), "Kill to the end of the line"),
    KeyRow("fork", "message", ("F",), "Fork from here"),
)


def problems(**keys):
    found = build_keymap(ROWS, keys).problems
    return [(problem.path, f"{problem.path[-1]} {problem.what}. {problem.hint}") for problem in found]


def test_the_defaults():
    keymap = build_keymap(ROWS, {})
    assert keymap.label("retry") == "Alt+R"
    assert keymap.labels("retry") == ("Alt+R", "Ctrl+X r")
    assert keymap.label("message.fork") == "F"
    assert (
        keymap.fill("{key:retry} retries, {key:fork} forks, {key:message.fork} too")
        == "Alt+R retries, /fork forks, F too"
    )
    assert keymap.single_keys() == {
        "retry": "alt+r", "palette": "ctrl+p", "fork": "unbound:fork", "prompt.kill-line-right": "ctrl+k", "message.fork": "F",
    }  # fmt: skip
    assert {key: row.id for key, row in keymap.following("chat").items()} == {"r": "retry", "p": "palette"}
    assert keymap.problems == ()


def test_rebinding_and_unbinding():
    keymap = build_keymap(
        ROWS, {"leader": "ctrl+a", "retry": ["Alt+?", "leader t"], "palette": "none", "message": {"fork": "K"}}
    )
    assert keymap.labels("retry") == ("Alt+?", "Ctrl+A t")
    assert keymap.label("palette") == ""
    assert keymap.label("message.fork") == "K"
    assert keymap.problems == ()
    assert build_keymap(ROWS, {"retry": "ctrl+x  r"}).labels("retry") == ("Ctrl+X r",)
    assert build_keymap(ROWS, {"leader": "none"}).labels("retry") == ("Alt+R",)


@pytest.mark.parametrize(
    ("keys", "path", "words"),
    [
        ({"retri": "alt+r"}, ("retri",), "retri is not a key id. Did you mean 'retry'?"),
        ({"retry": "alt+pagup"}, ("retry",), "retry is 'alt+pagup', which is not a key."),
        ({"retry": "hyperr+x"}, ("retry",), "retry is 'hyperr+x', which is not a key."),
        ({"retry": 3}, ("retry",), "must be a key, a list of keys"),
        ({"retry": "ctrl+t r"}, ("retry",), "only the leader begins a sequence"),
        ({"retry": "leader r r"}, ("retry",), "which is not a key"),
        ({"leader": "x"}, ("leader",), "cannot be the leader"),
        ({"leader": "none", "retry": "leader r"}, ("retry",), "there is no leader"),
        ({"retry": "ctrl+p"}, ("retry",), "retry has Ctrl+P, like palette. retry keeps it."),
        ({"retry": "ctrl+k"}, ("retry",), "retry has Ctrl+K, like prompt.kill-line-right, which wins"),
        (
            {"message": {"forks": "x"}},
            ("message", "forks"),
            "forks is not a key id. Did you mean 'message.fork'?",
        ),
    ],
)
def test_what_is_wrong_is_reported(keys, path, words):
    ((found, text),) = problems(**keys)
    assert found == path
    assert words in text


def test_a_wrong_entry_leaves_the_default():
    assert build_keymap(ROWS, {"retry": "nonsense+x"}).keys("retry") == ("alt+r", "leader r")


@pytest.mark.parametrize(
    ("written", "textual"),
    [
        ("Ctrl+T", "ctrl+t"),
        ("shift+ctrl+K", "ctrl+shift+k"),
        ("esc", "escape"),
        ("alt+PgUp", "alt+pageup"),
        ("?", "question_mark"),
        ("ctrl+_", "ctrl+underscore"),
        ("ctrl+-", "ctrl+minus"),
        ("alt++", "alt+plus"),
        ("F", "F"),
        ("f5", "f5"),
        ("leader ?", "leader question_mark"),
        ("Leader Ctrl+E", "leader ctrl+e"),
        (" ", "space"),
        ("", None),
        ("ctrl+", None),
        ("ctrl", None),
    ],
)
def test_keys_as_people_write_them(written, textual):
    assert normalize_key(written) == textual


@given(st.sampled_from([chr(code) for code in range(33, 127) if not chr(code).isalnum()]))
def test_characters_are_named_as_textual_names_them(character):
    assert character_name(character) == _character_to_key(character)


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("ctrl+t", "Ctrl+T"),
        ("alt+pageup", "Alt+PageUp"),
        ("escape", "Esc"),
        ("ctrl+x r", "Ctrl+X r"),
        ("slash", "/"),
        ("G", "G"),
    ],
)
def test_labels(key, label):
    assert key_label(key) == label


@given(st.text(max_size=12))
def test_no_text_raises_and_what_is_a_key_stays_one(text):
    key = normalize_key(text)
    assert key is None or normalize_key(key) == key

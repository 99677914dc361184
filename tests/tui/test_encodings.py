"""Every default key as each kind of terminal sends it: the same key arrives."""

from __future__ import annotations

import pytest
from textual.events import Key

from stepchat.tui.commands import KEY_ROWS
from stepchat.tui.keymap import LEADER, build_keymap, character_name
from stepchat.tui.terminal.input import TerminalInput

CTRL, ALT, SHIFT, SUPER = 4, 2, 1, 8
BITS = {"ctrl": CTRL, "alt": ALT, "shift": SHIFT, "super": SUPER}
CODES = {"enter": 13, "tab": 9, "escape": 27, "backspace": 127, "space": 32}
LETTERS = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
TILDES = {"insert": 2, "delete": 3, "pageup": 5, "pagedown": 6, "f5": 15, "f6": 17, "f7": 18, "f8": 19}
SS3 = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
CHARACTERS = {character_name(chr(code)): chr(code) for code in range(33, 127) if not chr(code).isalnum()}
CONTROLS = {"underscore": "\x1f", "slash": "\x1f", "minus": "\x1f"}
"""What a legacy terminal sends for Ctrl and a character that is no letter."""


def split(key):
    *modifiers, last = key.split("+")
    return sum(BITS[name] for name in modifiers), CHARACTERS.get(last, last)


def functional(bits, name):
    """Arrows and function keys have one encoding everywhere."""
    if bits and name == "f3":
        return f"\x1b[13;{bits + 1}~"  # what xterm sends is a report of the cursor, too
    modifier = f";{bits + 1}" if bits else ""
    if name in LETTERS:
        return f"\x1b[1{modifier}{LETTERS[name]}" if bits else f"\x1b[{LETTERS[name]}"
    if name in TILDES:
        return f"\x1b[{TILDES[name]}{modifier}~"
    if name in SS3:
        return f"\x1b[1{modifier}{SS3[name]}" if bits else f"\x1bO{SS3[name]}"
    return None


def legacy(key):
    """The bytes of xterm with Alt as ESC; None where it sends nothing, or another key."""
    bits, name = split(key)
    if (found := functional(bits, name)) is not None:
        return found
    if name == "tab" and bits == SHIFT:
        return "\x1b[Z"
    plain = {"enter": "\r", "tab": "\t", "escape": "\x1b", "backspace": "\x7f", "space": " "}.get(name, name)
    if len(plain) != 1 or bits & (SUPER | SHIFT):
        return None
    if bits & CTRL:
        if plain.isalpha():
            plain = chr(ord(plain.lower()) & 0x1F)
        elif (control := CONTROLS.get(character_name(plain))) is not None:
            plain = control
        else:
            return None
    return f"\x1b{plain}" if bits & ALT else plain


def kitty(key, *, alternates):
    """`CSI code ; modifiers u`, with the base key of the layout where that is asked for."""
    bits, name = split(key)
    if (found := functional(bits, name)) is not None:
        return found
    code = CODES.get(name) or ord(name.lower())
    if not bits and name != "escape":
        return {"enter": "\r", "tab": "\t", "backspace": "\x7f", "space": " "}.get(name, name)
    if name.isalpha() and name.isupper():
        bits |= SHIFT
    more = f":{ord(name.upper()) if bits & SHIFT and len(name) == 1 else ''}:{code}" if alternates else ""
    return f"\x1b[{code}{more};{bits + 1}u"


def modify_other_keys(key):
    """Level 1, which recodes only what has no encoding of its own."""
    bits, name = split(key)
    plain = legacy(key)
    if plain is not None:
        return plain
    return f"\x1b[27;{bits + 1};{CODES.get(name) or ord(name)}~" if not bits & SUPER else None


ENCODINGS = {
    "legacy": legacy,
    "kitty": lambda key: kitty(key, alternates=False),
    "kitty with alternates": lambda key: kitty(key, alternates=True),
    "modifyOtherKeys": modify_other_keys,
}
SAME = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+slash": "ctrl+underscore",
    "ctrl+minus": "ctrl+underscore",
    "ctrl+h": "backspace",
}
"""Keys that are the same bytes in a legacy encoding; the one that arrives has the same ids."""


def received(data):
    keyboard = TerminalInput(now=lambda: 0.0)
    messages = [*keyboard.feed(data.encode()), *keyboard.tick(), *keyboard.tick()]
    return [message.key for message in messages if isinstance(message, Key)]


SINGLE = sorted(
    {part for row in KEY_ROWS for key in row.keys for part in key.split(" ") if part != LEADER} | {"ctrl+x"}
)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_default_arrives_as_itself(encoding):
    wrong = {}
    for key in SINGLE:
        data = ENCODINGS[encoding](key)
        if data is None:
            continue
        expected = SAME.get(key, key) if encoding in {"legacy", "modifyOtherKeys"} else key
        if received(data) not in ([expected], [key]):
            wrong[key] = (data, received(data))
    assert wrong == {}


def test_keys_that_are_the_same_bytes_do_the_same():
    keymap = build_keymap(KEY_ROWS, {})
    for key, other in SAME.items():
        for context in {row.context for row in KEY_ROWS}:
            if (row := keymap.at(context, key)) is not None:
                assert keymap.at(context, other) == row, key


def test_every_id_with_a_key_has_one_that_a_legacy_terminal_sends():
    missing = [
        row.name
        for row in KEY_ROWS
        if row.keys and all(legacy(part) is None for key in row.keys for part in key.split(" ") if part != LEADER)
    ]
    # Bonuses of the kitty protocol; copying and cutting have Ctrl+C and Ctrl+W.
    assert missing == ["prompt.cut", "prompt.copy"]

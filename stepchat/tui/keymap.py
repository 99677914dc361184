"""The keymap: default keys, the user's `[keys]`, the leader, and the labels of keys.

Pure and without Textual, because the manual and `config check` use it as well. Each key belongs to a context; the innermost
context wins.
Textual's own keymap knows single keys only, so a sequence (`leader r`) is resolved here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stepchat.config.file import config_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from textual.binding import BindingType
    from textual.dom import DOMNode

    from stepchat.errors import ConfigError

LEADER: Final = "leader"
DEFAULT_LEADER: Final = "ctrl+x"
ESCAPE_TWICE: Final = "escape escape"
"""The only sequence without the leader; only `edit-last` can have it."""
CHAT: Final = "chat"
"""The context of the commands: everywhere in the chat, unless the prompt or a focused message binds the key."""
PROMPT: Final = "prompt"
MESSAGE: Final = "message"
WELCOME: Final = "welcome"
INNER: Final = (PROMPT, MESSAGE, WELCOME)
"""Contexts within the chat."""


class KeyRow(NamedTuple):
    """An action with its keys: its id within the context, its keys (the first one is shown), and what it does."""

    id: str
    context: str
    keys: tuple[str, ...]
    help: str
    word: str = ""
    """Its label beside the key in the status bar; "" if it is not shown there."""

    @property
    def name(self) -> str:
        """The qualified id, as used in sentences and by Textual, such as `message.copy`."""
        return self.id if self.context == CHAT else f"{self.context}.{self.id}"

    @property
    def single_keys(self) -> str:
        """Its keys without sequences, for Textual's `Binding`. That rejects an empty text, so no keys are represented by a key
        that no terminal sends.
        """
        return ",".join(key for key in self.keys if " " not in key) or f"unbound:{self.name}"


class Problem(NamedTuple):
    """A problem in `[keys]`: its path in config.toml, a predicate about the entry, and what to do."""

    path: tuple[str, ...]
    what: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Keymap:
    """The current keys of all actions. `build_keymap` makes it."""

    rows: tuple[KeyRow, ...]
    leader: str = DEFAULT_LEADER
    problems: tuple[Problem, ...] = ()
    is_vi: bool = False
    """Text is edited as in vi."""

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys of an id such as `retry` or `message.copy`; none if it is unknown or unbound."""
        return next((row.keys for row in self.rows if row.name == name), ())

    def at(self, context: str, key: str) -> KeyRow | None:
        """The action of a single key in one context."""
        return next((row for row in self.rows if row.context == context and key in row.keys), None)

    def label(self, name: str) -> str:
        """The label of the first key of an action, such as `Ctrl+X r`; "" if it has none."""
        keys = self.keys(name)
        return self.written(keys[0]) if keys else ""

    def labels(self, name: str) -> tuple[str, ...]:
        return tuple(self.written(key) for key in self.keys(name))

    def written(self, key: str) -> str:
        return key_label(key.replace(LEADER, self.leader) if self.leader else key)

    def fill(self, text: str) -> str:
        """Replaces `{key:retry}` with the current key of `retry`, or with its slash command if it has no key."""
        return _PLACEHOLDER.sub(lambda found: self.label(found[1]) or f"/{found[1].rpartition('.')[2]}", text)

    def single_keys(self) -> dict[str, str]:
        """The keys of each action without sequences, separated by commas, for `App.set_keymap`."""
        return {row.name: row.single_keys for row in self.rows}

    def following(self, context: str) -> dict[str, KeyRow]:
        """The keys that may follow the leader in a context, with their rows, in the order of the table."""
        return {
            key.partition(" ")[2]: row
            for row in self.rows
            if row.context == context
            for key in row.keys
            if key.startswith(f"{LEADER} ")
        }


def keymap_of(node: DOMNode, default: Keymap | None = None) -> Keymap:
    """The keymap of a widget's app; `default` if it has none, as in tests."""
    app: Any = node.app  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - generic in Textual
    return getattr(app, "keymap", default or Keymap(()))


def bindings(
    rows: Sequence[KeyRow], context: str, actions: Mapping[str, str], *, priority: bool = False
) -> list[BindingType]:
    """The BINDINGS of a widget: the action of each id of the context."""
    from textual.binding import Binding

    known = {row.id: row for row in rows if row.context == context}
    return [
        Binding(known[id_].single_keys, action, known[id_].help, show=False, priority=priority, id=known[id_].name)
        for id_, action in actions.items()
    ]


def build_keymap(rows: Sequence[KeyRow], overrides: Mapping[str, Any], *, is_vi: bool = False) -> Keymap:
    """Build the keymap from the defaults and the user's `[keys]`. Invalid entries are ignored and reported in `problems`."""
    problems: list[Problem] = []
    leader = _leader(overrides.get(LEADER), problems)
    changed: dict[str, tuple[str, ...]] = {}
    paths: dict[str, tuple[str, ...]] = {}
    names = {row.name for row in rows}
    contexts = {row.context for row in rows}
    for path, value in _entries(overrides, contexts):
        name = ".".join(path)
        if name not in names:
            problems.append(Problem(path, "is not a key id", _nearest(name, names)))
        elif (keys := _keys_of(path, value, leader, problems)) is not None:
            changed[name], paths[name] = keys, path
    found = [row._replace(keys=changed.get(row.name, row.keys)) for row in rows]
    if not leader:
        found = [row._replace(keys=tuple(key for key in row.keys if LEADER not in key)) for row in found]
    found = _without_conflicts(found, paths, leader, problems)
    return Keymap(tuple(found), leader, tuple(problems), is_vi)


def key_errors(keymap: Keymap, path: Path) -> list[ConfigError]:
    """The problems of `[keys]` in config.toml as errors with line numbers."""
    return [
        config_error(path, ("keys", *problem.path), f"in [keys] {problem.what}", problem.hint)
        for problem in keymap.problems
    ]


def _entries(overrides: Mapping[str, Any], contexts: Iterable[str]) -> Iterable[tuple[tuple[str, ...], Any]]:
    for name, value in overrides.items():
        if isinstance(value, dict) and name in contexts:
            for inner, keys in value.items():  # pyright: ignore[reportUnknownVariableType]
                yield (name, str(inner)), keys  # pyright: ignore[reportUnknownArgumentType]
        elif name != LEADER:
            yield (name,), value


def _leader(value: Any, problems: list[Problem]) -> str:
    """The leader key; "" for none."""
    if value is None:
        return DEFAULT_LEADER
    if value == "none":
        return ""
    key = normalize_key(value) if isinstance(value, str) else None
    if key is None or " " in key or len(key) == 1:
        problems.append(
            Problem(
                (LEADER,), f"is {value!r}, which cannot be the leader", 'For example: leader = "ctrl+x", or "none".'
            )
        )
        return DEFAULT_LEADER
    return key


def _keys_of(path: tuple[str, ...], value: Any, leader: str, problems: list[Problem]) -> tuple[str, ...] | None:
    given = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
    if not all(isinstance(key, str) for key in given):  # pyright: ignore[reportUnknownVariableType]
        problems.append(
            Problem(path, 'must be a key, a list of keys, or "none"', 'For example: retry = ["alt+r", "leader r"]')
        )
        return None
    keys: list[str] = []
    for text in given:  # pyright: ignore[reportUnknownVariableType]
        written = str(text)  # pyright: ignore[reportUnknownArgumentType]
        if written == "none":
            continue
        key = normalize_key(written)
        first, _, second = (key or "").partition(" ")
        if second and first == leader:
            key = f"{LEADER} {second}"
        if key is None:
            problems.append(Problem(path, f"is {written!r}, which is not a key", _nearest(written.lower(), NAMED_KEYS)))
        elif key == ESCAPE_TWICE and path == ("edit-last",):
            keys.append(key)
        elif second and first not in {LEADER, leader}:
            problems.append(
                Problem(
                    path, f"is {written!r}, but only the leader begins a sequence", 'Write "leader r", for example.'
                )
            )
        elif second and not leader:
            problems.append(Problem(path, f"is {written!r}, but there is no leader", "Set leader in [keys]."))
        else:
            keys.append(key)
    return tuple(dict.fromkeys(keys)) if keys or not given or "none" in given else None


def _without_conflicts(
    rows: list[KeyRow], paths: Mapping[str, tuple[str, ...]], leader: str, problems: list[Problem]
) -> list[KeyRow]:
    """Remove conflicts. The user's own keys win over defaults, and earlier keys over later ones."""
    owners: dict[tuple[str, str], str] = {}
    for row in sorted(rows, key=lambda row: row.name not in paths):
        for key in row.keys:
            other = owners.setdefault((row.context, key), row.name)
            if other != row.name:
                path = paths.get(row.name) or paths.get(other)
                if path is not None:
                    rest = row.name if path == paths.get(other) else other
                    problems.append(
                        Problem(
                            path, f"has {key_label(key.replace(LEADER, leader))}, like {rest}", f"{other} keeps it."
                        )
                    )
    problems += [
        Problem(paths[row.name], f"has {key_label(key)}, like {owners[inner, key]}, which wins", "Choose another key.")
        for row in rows
        if row.name in paths and row.context == CHAT
        for inner in INNER
        for key in row.keys
        if (inner, key) in owners
    ]
    return [row._replace(keys=tuple(key for key in row.keys if owners[row.context, key] == row.name)) for row in rows]


def _nearest(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else "stepchat help keys lists them."


# ---- names of keys

_PLACEHOLDER: Final = re.compile(r"\{key:([a-z0-9.-]+)\}")
_MODIFIERS: Final = ("alt", "ctrl", "shift", "super", "hyper", "meta")
_ALIASES: Final = {
    "esc": "escape", "return": "enter", "del": "delete", "ins": "insert", "pgup": "pageup", "pgdn": "pagedown",
    "pgdown": "pagedown", "page_up": "pageup", "page_down": "pagedown", "control": "ctrl", "option": "alt", "cmd": "super",
    "bs": "backspace",
}  # fmt: skip
NAMED_KEYS: Final = frozenset(
    {
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "pageup",
        "pagedown",
        "insert",
        "delete",
        "backspace",
        "enter",
        "tab",
        "escape",
        "space",
        LEADER,
        *(f"f{number}" for number in range(1, 25)),
    }
)
_TEXTUAL_NAMES: Final = {
    "solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at", "hyphen_minus": "minus",
    "plus_sign": "plus", "low_line": "underscore",
}  # fmt: skip
"""Textual's names of characters if they differ from the Unicode names."""
_LABELS: Final = {"pageup": "PageUp", "pagedown": "PageDown", "escape": "Esc"}


def normalize_key(text: str) -> str | None:
    """Turns a key as the user writes it (`Ctrl+T`, `alt+?`, `leader r`) into Textual's spelling; None for an unknown key."""
    parts = text.split(" ") if text.strip() and text != " " else [text]
    keys = [_normalize(part) for part in parts if part or len(parts) == 1]
    if not 1 <= len(keys) <= 2 or None in keys:
        return None
    return " ".join(key for key in keys if key)


def _normalize(text: str) -> str | None:
    *modifiers, last = re.split(r"\+(?=.)", text) if text else [""]
    names = {_ALIASES.get(word.lower(), word.lower()) for word in modifiers}
    if not names <= set(_MODIFIERS) or not last:
        return None
    named = _ALIASES.get(last.lower(), last.lower())
    if len(last) == 1:
        if names and last.isupper():
            last = last.lower()
        key = last if last.isalnum() else "space" if last == " " else _NAMES.get(last)
    elif named in NAMED_KEYS or named in _CHARACTERS:
        key = named
    else:
        return None
    return "+".join([*sorted(names), key]) if key else None


def character_name(character: str) -> str:
    """Textual's name of a punctuation character; "" if it has none."""
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return _TEXTUAL_NAMES.get(name, name)


_CHARACTERS: Final = {character_name(chr(code)): chr(code) for code in range(33, 127) if not chr(code).isalnum()}
"""Punctuation characters by their names in Textual."""
_NAMES: Final = {character: name for name, character in _CHARACTERS.items()}


def key_label(key: str) -> str:
    """The label of a key on screen: `Ctrl+T`, `Alt+Up`, `Ctrl+X r`, `?`."""
    return " ".join(_part_label(part) for part in key.split(" "))


def _part_label(key: str) -> str:
    *modifiers, last = key.split("+")
    last = (
        _CHARACTERS.get(last) or _LABELS.get(last) or (last if len(last) == 1 and not modifiers else last.capitalize())
    )
    return "+".join([*(word.capitalize() for word in modifiers), last])

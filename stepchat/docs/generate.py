"""Refreshes what README and the manual take from tables: `python -m stepchat.docs.generate`.

A block between `<!-- generated: NAME -->` and `<!-- /generated -->` is replaced by the table of that name. In sentences,
`{key:retry}` becomes the default key of `retry` in a `<kbd>`, which keeps the id, so that the program can show the key in force.
"""

from __future__ import annotations

import re
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Final

from stepchat.manual import DOCS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stepchat.config.file import Setting

README: Final = DOCS.parent.parent / "README.md"
_BLOCK: Final = re.compile(r"(<!-- generated: ([a-z ]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)
_KEY: Final = re.compile(r'\{key:([a-z0-9.-]+)\}|<kbd title="([^"]*)">[^<]*</kbd>')


def regenerate(text: str) -> str:
    """The page with its tables and default keys as they are now. Raises KeyError for a table or key id that does not exist."""
    tables, labels = TABLES, default_labels()
    text = _BLOCK.sub(lambda found: f"{found[1]}\n{tables[found[2]]()}\n\n{found[3]}", text)
    return _KEY.sub(lambda found: _kbd(found[1] or found[2], labels), text)


def _kbd(name: str, labels: Mapping[str, str]) -> str:
    return f'<kbd title="{name}">{escape(labels[name], quote=False)}</kbd>'


def default_labels() -> dict[str, str]:
    """The default key of each key id; the slash command of a command without a key."""
    from stepchat.tui.commands import COMMANDS
    from stepchat.tui.dialog_keys import DIALOG_ROWS
    from stepchat.tui.keymap import Keymap, key_label
    from stepchat.tui.prompt_keys import PROMPT_ROWS

    keymap = Keymap((*PROMPT_ROWS, *DIALOG_ROWS))
    labels = {row.name: keymap.label(row.name) for row in keymap.rows}
    return labels | {row.name: key_label(row.keys[0]) if row.keys else f"/{row.name}" for row in COMMANDS}


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _kbds(labels: Iterable[str]) -> str:
    return ", ".join(f"<kbd>{escape(label, quote=False)}</kbd>" for label in labels)


def commands() -> str:
    """Every slash command, in the groups of the help screen."""
    from stepchat.tui.commands import GROUPS

    labels = default_labels()
    parts: list[str] = []
    for title, group in GROUPS:
        rows = [
            (_code(f"/{row.name} {row.argument}".strip()), _kbd(row.name, labels) if row.keys else "", row.help)
            for row in group
        ]
        parts.append(f"## {title}\n\n{_table(('command', 'key', 'what it does'), rows)}")
    return "\n\n".join(parts)


def keys() -> str:
    """Every command that has a key."""
    from stepchat.tui.commands import COMMANDS

    labels = default_labels()
    rows = [(_kbd(row.name, labels), _code(row.name), row.help) for row in COMMANDS if row.keys]
    return _table(("key", "id", "what it does"), rows)


def message_keys() -> str:
    """The keys of a focused message."""
    from stepchat.tui.commands import COMMANDS
    from stepchat.tui.keymap import key_label

    rows = [(_kbds([key_label(row.message_key)]), row.help) for row in COMMANDS if row.message_key]
    return _table(("key", "what it does"), rows)


def context_keys(context: str) -> str:
    """The keys of the prompt or of a dialog."""
    from stepchat.tui.dialog_keys import DIALOG_ROWS
    from stepchat.tui.keymap import Keymap
    from stepchat.tui.prompt_keys import PROMPT_ROWS

    keymap = Keymap((*PROMPT_ROWS, *DIALOG_ROWS))
    rows = [row for row in keymap.rows if row.context == context]
    return _table(
        ("key", "id", "what it does"),
        [(_kbds(keymap.labels(row.name)), _code(row.id), row.help) for row in rows],
    )


def parameters() -> str:
    from stepchat.parameters.docs import as_markdown

    return as_markdown()


def _settings(settings: Sequence[Setting]) -> str:
    return _table(
        ("setting", "default", "what it does"),
        [(_code(row.name), _code(_toml(row)), " ".join([row.help, _allowed(row)]).strip()) for row in settings],
    )


def _toml(setting: Setting) -> str:
    match setting.default:
        case bool(value):
            return str(value).lower()
        case "" | 0 | 0.0:
            return ""
        case str(value):
            return f'"{value}"'
        case value:
            return str(value)


def _allowed(setting: Setting) -> str:
    if setting.choices:
        return f"One of {', '.join(_code(choice) for choice in setting.choices)}."
    return ""


def config() -> str:
    from stepchat.config.file import SETTINGS

    return _settings(SETTINGS)


def server_settings() -> str:
    from stepchat.config.file import SERVER_SETTINGS

    return _settings(SERVER_SETTINGS)


def price_settings() -> str:
    from stepchat.config.file import PRICE_SETTINGS

    return _settings(PRICE_SETTINGS)


def profile_settings() -> str:
    from stepchat.config.file import PROFILE_SETTINGS

    return _settings(PROFILE_SETTINGS)


def servers() -> str:
    """The backends, and where each is found by default."""
    from stepchat.catalogue.backends import BACKENDS

    rows = [
        (row.title, _code(row.name), _code(row.base_url), _code(row.key_variable or ""))
        for row in BACKENDS
        if row.base_url
    ]
    rows += [("the demo", _code("demo"), "inside stepchat", "")]
    rows += [
        ("any other", "`--base-url URL`", "", _code(row.key_variable or "")) for row in BACKENDS if not row.base_url
    ]
    return _table(("server", "`--server`", "address", "environment variable of its key"), rows)


def options() -> str:
    """The options of `stepchat` without a command, except those of the parameters."""
    from stepchat.cli.main import chat

    context = chat.context_class(chat)
    records = [option.get_help_record(context) for option in chat.params if option.param_type_name == "option"]
    return _table(("option", "meaning"), [(_code(record[0]), record[1]) for record in records if record])


TABLES: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "keys": keys,
    "message keys": message_keys,
    "parameters": parameters,
    "config": config,
    "server settings": server_settings,
    "price settings": price_settings,
    "profile settings": profile_settings,
    "servers": servers,
    "options": options,
    **{
        f"keys of {context}": partial(context_keys, context)
        for context in (
            "prompt",
            "list",
            "page",
            "find",
            "manual",
            "sessions",
            "models",
            "settings",
            "tree",
            "inspector",
            "compare",
            "logprobs",
        )
    },
}


def main() -> None:
    for path in (README, *(DOCS / f"{topic.name}.md" for topic in TOPICS)):
        path.write_text(regenerate(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()

"""Updates the tables and keys in README and manual: `python -m stepchat.docs.generate`.

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
    from collections.abc import Callable, Mapping, Sequence

    from stepchat.config.file import Setting
    from stepchat.tui.commands.command import Command
    from stepchat.tui.keymap import Keymap

README: Final = DOCS.parent.parent / "README.md"
_BLOCK: Final = re.compile(r"(<!-- generated: ([a-z ]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)
_KEY: Final = re.compile(r'\{key:([a-z0-9.-]+)\}|<kbd title="([a-z0-9.-]+)">[^<]*</kbd>')


def regenerate(text: str) -> str:
    """Returns the page with current tables and default keys. Raises KeyError for an unknown table or key id."""
    tables, keymap = TABLES, default_keymap()
    text = _BLOCK.sub(lambda found: f"{found[1]}\n{tables[found[2]]()}\n\n{found[3]}", text)
    return _KEY.sub(lambda found: _key(found[1] or found[2], keymap), text)


def default_keymap() -> Keymap:
    """The keymap without the user's own keys."""
    from stepchat.tui.commands import KEY_ROWS
    from stepchat.tui.keymap import Keymap

    return Keymap(KEY_ROWS)


def _key(name: str, keymap: Keymap) -> str:
    """The first default key of an id; the slash command of a command without a key."""
    if name not in {row.name for row in keymap.rows}:
        raise KeyError(name)
    return _kbd(name, keymap.label(name) or f"/{name}")


def _keys(name: str, keymap: Keymap) -> str:
    """All default keys of an id, for a table. The mark "all" lets the program show all keys in force."""
    return ", ".join(_kbd(f"all {name}", label) for label in keymap.labels(name)) or f"<!-- all {name} -->"


def _kbd(title: str, label: str) -> str:
    return f'<kbd title="{title}">{escape(label, quote=False)}</kbd>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def commands() -> str:
    """Every slash command, in the groups of the help."""
    from stepchat.tui.commands import GROUPS

    keymap = default_keymap()
    parts: list[str] = []
    for title, group in GROUPS:
        rows = [(_code(f"/{row.name} {row.argument}".strip()), _keys(row.name, keymap), _help(row)) for row in group]
        parts.append(f"## {title}\n\n{_table(('command', 'key', 'what it does'), rows)}")
    return "\n\n".join(parts)


def _help(row: Command) -> str:
    """What a command does, and its other names."""
    also = ", ".join(_code(f"/{synonym}") for synonym in row.synonyms)
    return f"{row.help}. Also {also}." if also else row.help


def keys(context: str) -> str:
    """The keys of a context; of the chat, only the commands that have a key."""
    from stepchat.tui.keymap import CHAT

    keymap = default_keymap()
    rows = [row for row in keymap.rows if row.context == context and (row.keys or context != CHAT)]
    return _table(("key", "id", "what it does"), [(_keys(row.name, keymap), _code(row.id), row.help) for row in rows])


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
        case "" | () | 0 | 0.0:
            return ""
        case dict():
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


def tool_settings() -> str:
    from stepchat.config.file import TOOL_SETTINGS

    return _settings(TOOL_SETTINGS)


def server_settings() -> str:
    from stepchat.config.file import SERVER_SETTINGS

    return _settings(SERVER_SETTINGS)


def price_settings() -> str:
    from stepchat.config.file import PRICE_SETTINGS

    return _settings(PRICE_SETTINGS)


def profile_settings() -> str:
    from stepchat.config.file import PROFILE_SETTINGS

    return _settings(PROFILE_SETTINGS)


def mcp_settings() -> str:
    from stepchat.config.file import MCP_SETTINGS

    return _settings(MCP_SETTINGS)


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
    "parameters": parameters,
    "config": config,
    "tool settings": tool_settings,
    "server settings": server_settings,
    "price settings": price_settings,
    "profile settings": profile_settings,
    "mcp settings": mcp_settings,
    "servers": servers,
    "options": options,
    **{
        f"keys of {context}": partial(keys, context)
        for context in (
            "chat",
            "message",
            "welcome",
            "prompt",
            "list",
            "pick",
            "menu",
            "rows",
            "page",
            "find",
            "manual",
            "sessions",
            "models",
            "settings",
            "tree",
            "queue",
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

"""The examples of README and the manual: command lines parse, TOML and JSON are valid, slash commands and IDs can exist."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from stepchat.cli.context import Invocation
from stepchat.cli.help import asks_for_manual
from stepchat.cli.main import COMMANDS, chat, load_command
from stepchat.config.file import read_config
from stepchat.manual import DOCS
from stepchat.sessions.records import SHORTEST_PREFIX, new_id
from stepchat.tui.commands import COMMANDS as SLASH_COMMANDS
from stepchat.tui.commands import KEY_ROWS
from stepchat.tui.keymap import build_keymap

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
TEXTS = {path.stem: path.read_text("utf-8") for path in PAGES}
ID = "[a-hjkmnp-tv-z][0-9][0-9a-hjkmnp-tv-z]*"


def blocks(language: str) -> list[tuple[str, str]]:
    """The page and the text of each code block in a language."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(page, block) for page, text in TEXTS.items() for block in pattern.findall(text)]


def command_lines() -> list[tuple[str, str]]:
    lines = [(page, line) for page, block in blocks("sh") for line in block.replace("\\\n", "").splitlines()]
    return [(page, line) for page, line in lines if "stepchat" in line]


def stepchat_arguments(line: str) -> list[list[str]]:
    """The arguments of each run of stepchat in a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    found: list[list[str]] = []
    current: list[str] | None = None
    for word in lexer:
        if set(word) <= set("|&;<>"):
            current = None
        elif current is not None:
            current.append(word)
        elif word == "stepchat" or word.endswith("/bin/stepchat"):
            current = []
            found.append(current)
    return found


def test_code_fits_into_a_terminal_of_80_columns():
    code = [(page, line) for page, block in blocks(r"\w*") for line in block.splitlines() if page != "README"]
    assert len(code) > 100
    assert [(page, line) for page, line in code if len(line) > 80] == []


@pytest.mark.parametrize(("page", "line"), command_lines(), ids=str)
def test_command_lines_parse(page, line):
    if "_STEPCHAT_COMPLETE" in line or "git clone" in line:
        return
    line = re.sub(r'"\$\((.*?)\)"', r"\1", line)
    runs = stepchat_arguments(line)
    assert runs or "pip install" in line
    for arguments in runs:
        command: click.Command = load_command(arguments[0]) if arguments and arguments[0] in COMMANDS else chat
        if command is not chat:
            arguments = arguments[1:]
            assert arguments[:1] != ["help"] or asks_for_manual(arguments[1:])
        parent = None
        while isinstance(command, click.Group):
            parent = click.Context(command, parent, **command.context_settings)
            command, arguments = command.commands[arguments[0]], arguments[1:]
        command.make_context("stepchat", arguments, parent, obj=Invocation({}))


@pytest.mark.parametrize(("page", "text"), blocks("toml"), ids=str)
def test_toml_is_valid_config(page, text, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(text)
    assert build_keymap(KEY_ROWS, read_config(file).keys).problems == ()


@pytest.mark.parametrize(("page", "text"), blocks("json"), ids=str)
def test_json_is_valid(page, text):
    json.loads(text)


@pytest.mark.parametrize("page", TEXTS)
def test_slash_commands_exist(page):
    names = {name for command in SLASH_COMMANDS for name in (command.name, *command.synonyms)}
    paths = {"api", "auth", "props", "models", "completions", "x"}
    names |= {"review", "editor"} if page == "prompts" else set()
    assert set(re.findall(r"`/([a-z][a-z-]*)", TEXTS[page])) - paths <= names


def test_ids_in_examples_can_exist():
    pattern = r"(?:sessions (?:show|rename|delete|pin|archive|export) |--resume |--leaf )([a-z][0-9][a-z0-9]*)\b"
    examples = re.findall(pattern, "\n".join(TEXTS.values()))
    assert len(examples) > 5
    for example in examples:
        assert len(example) >= SHORTEST_PREFIX
        assert re.fullmatch(ID, example)
    for _ in range(20):
        assert re.fullmatch(ID, new_id(12))

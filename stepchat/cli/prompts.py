"""`stepchat prompts`: the prompt library. And `--prompt NAME`, which asks with one of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepchat.cli.completion import complete_value
from stepchat.cli.config import edit_file
from stepchat.cli.context import HELP, CommandGroup, Invocation, json_option, pass_invocation
from stepchat.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.chat.workspace import StartOptions
    from stepchat.errors import ConfigError
    from stepchat.prompts.library import Prompt


@click.group(cls=CommandGroup, context_settings=HELP)
def prompts() -> None:
    """The prompt library: Markdown files for `/NAME` in the window and `--prompt NAME` in the shell."""


_name = click.argument("name", shell_complete=complete_value("prompt"))


@prompts.command("list")
@json_option
@pass_invocation
def list_prompts(invocation: Invocation, *, as_json: bool) -> int:
    """List the prompts. Files that cannot be read are reported, and the exit code is 2."""
    from stepchat.cli.output import USAGE
    from stepchat.prompts.library import read_prompts

    output, folder = invocation.output, invocation.paths.prompts
    problems: list[ConfigError] = []
    found = read_prompts(folder, problems.append)
    if as_json:
        output.write_json(
            [
                {"name": row.name, "description": row.description, "argument": row.argument, "path": str(row.path)}
                for row in found
            ]
        )
    else:
        width = max((len(row.name) for row in found), default=0)
        for row in found:
            output.write_line(f"{row.name:{width}}  {row.description or row.argument}".rstrip())
    for problem in problems:
        output.print_notice(str(problem))
    if not found and not problems and not as_json:
        output.print_notice(f"No prompts in {folder}. Write one: stepchat prompts new NAME")
    return USAGE if problems else 0


@prompts.command("show")
@_name
@pass_invocation
def show_prompt(invocation: Invocation, name: str) -> int:
    """Print the file of a prompt."""
    from stepchat.prompts.library import find_prompt
    from stepchat.text.sanitize import sanitize

    output = invocation.output
    text = find_prompt(invocation.paths.prompts, name).path.read_text("utf-8-sig")
    output.write(sanitize(text) if sys.stdout.isatty() else text)
    return 0


@prompts.command("edit")
@_name
@pass_invocation
def edit_prompt(invocation: Invocation, name: str) -> int:
    """Open a prompt in $VISUAL or $EDITOR, and check it afterwards."""
    from stepchat.prompts.library import SUFFIX, check_name, find_prompt, prompt_names, read_prompt

    folder = invocation.paths.prompts
    if name not in prompt_names(folder):
        find_prompt(folder, name)
    path = folder / f"{check_name(name)}{SUFFIX}"
    edit_file(path, invocation.environ)
    read_prompt(path)
    return 0


@prompts.command("new")
@_name
@click.option("--description", default="", help="One line about it.")
@pass_invocation
def new_prompt(invocation: Invocation, name: str, description: str) -> int:
    """Write the file of a new prompt and, on a terminal, open it in $VISUAL or $EDITOR."""
    from stepchat import lossless_json
    from stepchat.config.paths import write_private
    from stepchat.errors import StepchatError
    from stepchat.prompts.library import EXAMPLE, SUFFIX, check_name, read_prompt

    path = invocation.paths.prompts / f"{check_name(name)}{SUFFIX}"
    if path.exists():
        raise UsageError(f"{path} already exists.", f"To change it: stepchat prompts edit {name}")
    # JSON's strings are YAML's, too.
    text = EXAMPLE.format(description=lossless_json.dumps(description or name))
    if not write_private(path, text.encode()):
        raise StepchatError(f"Cannot write {path}.", "Check its permissions and free space.")
    if sys.stdin.isatty() and sys.stdout.isatty():
        edit_file(path, invocation.environ)
        read_prompt(path)
    invocation.output.write_line(f"{path}: written. Use it: /{name} in the window, or stepchat --prompt {name}")
    return 0


# ---- --prompt


def start_with(invocation: Invocation, name: str, start: StartOptions) -> tuple[Prompt, StartOptions]:
    """The prompt of this name, and the options with its own where the command line sets none. Raises StepchatError."""
    from stepchat.prompts.library import find_prompt

    prompt = find_prompt(invocation.paths.prompts, name)
    if prompt.system is not None and (start.latest or start.resume is not None):
        raise UsageError(
            f"The prompt {name} has a system prompt, which an existing session cannot change.",
            "Leave out --continue or --resume.",
        )
    elsewhere = start.base_url or start.server or start.demo
    return prompt, replace(
        start,
        model=start.model or prompt.model,
        server=start.server if elsewhere else prompt.server,
        system=start.system if start.system is not None else prompt.system,
        settings=(*prompt.settings, *start.settings),
        tools=() if start.no_tools else (*prompt.tools, *start.tools),
        # A prompt with a text of its own is a question.
        one_shot=start.one_shot or bool(prompt.text.parts),
    )


def prompt_text(prompt: Prompt, words: Sequence[str], piped: str, invocation: Invocation) -> str:
    """The text to send for the words of the command line and what was piped in. Raises StepchatError."""
    from stepchat.prompts.clipboard import read_clipboard
    from stepchat.prompts.library import fill_in

    rest = list(words)
    values: dict[str, str] = {}
    while rest and (name := rest[0].partition("=")[0]) in prompt.text.variables and "=" in rest[0]:
        values[name] = rest.pop(0).partition("=")[2]
    given = "\n\n".join(part for part in (" ".join(rest), piped.strip("\n")) if part.strip())
    return fill_in(prompt, given, Path.cwd(), lambda: read_clipboard(invocation.environ), values)

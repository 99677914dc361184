"""Prompts of the library: `/NAME` asks with one, `/prompts` chooses one."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stepchat.chat.connection import find_server
from stepchat.chat.toolbox import check_names
from stepchat.parameters.scopes import set_values
from stepchat.prompts.clipboard import read_clipboard
from stepchat.prompts.library import fill_in, find_prompt, list_descriptions, prompt_names, read_prompts
from stepchat.tui.commands.command import Command, check_idle
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.errors import ConfigError
    from stepchat.tui.chat.screen import ChatScreen


def is_prompt(screen: ChatScreen, line: str) -> bool:
    """Whether a line like `/review TEXT` names a prompt of the library."""
    return _split(line)[0] in prompt_names(screen.workspace.paths.prompts)


def _split(line: str) -> tuple[str, str]:
    """The name after the slash, and what follows it."""
    name, *typed = line.removeprefix("/").split(maxsplit=1) or [""]
    return name, typed[0].strip() if typed else ""


async def ask_with(screen: ChatScreen, line: str) -> None:
    """Ask with the prompt that the line names. Raises StepchatError."""
    name, typed = _split(line)
    prompt = find_prompt(screen.workspace.paths.prompts, name)
    # Everything that can fail comes first.
    text = ""
    if prompt.text.parts or typed:
        text = await asyncio.to_thread(fill_in, prompt, typed, Path.cwd(), lambda: read_clipboard(os.environ))
    await check_names(prompt.tools, screen.workspace.tools)
    server = find_server(prompt.server, screen.workspace.config) if prompt.server else None
    if prompt.starts_session:
        check_idle(screen)
        await screen.open(None)
        if server is not None:
            await screen.switch_server(server)
        if prompt.model:
            await screen.switch_model(prompt.model)
        if prompt.tools:
            await screen.conversation.set_tools(prompt.tools)
        if prompt.system is not None:
            screen.panes.set_workspace(replace(screen.workspace, system=prompt.system))
    scopes = screen.conversation.scopes
    if prompt.settings and prompt.starts_session:
        await screen.conversation.set_scopes(replace(scopes, session=set_values(scopes.session, prompt.settings)))
    elif prompt.settings:
        await screen.conversation.set_scopes(replace(scopes, once=set_values(scopes.once, prompt.settings)))
    if text:
        screen.submit(screen.composer.with_attachments(text))
    else:
        screen.flash(f"{prompt.name}: {prompt.description or 'new session'}")


async def prompts(screen: ChatScreen, argument: str) -> None:
    """Choose a prompt; its name goes into the prompt line, to be completed there."""
    if argument:
        await ask_with(screen, f"/{argument}")
        return
    problems: list[ConfigError] = []
    folder = screen.workspace.paths.prompts
    found = await asyncio.to_thread(read_prompts, folder, problems.append)
    for problem in problems:
        screen.notice(problem.message, problem.hint, kind="error")
    rows = [Choice(row.name, f"{row.name} {row.argument}", detail=row.description) for row in found]
    empty = f"No prompts yet. Put Markdown files into {folder}."
    chosen = await screen.app.push_screen_wait(Picker("Prompt library", rows, empty_text=empty))
    if chosen is not None:
        screen.prompt.prefill(f"/{chosen} ")


def offers(screen: ChatScreen) -> Sequence[tuple[str, str]]:
    """The prompts, each with a few words about it."""
    return list_descriptions(screen.workspace.paths.prompts)


COMMANDS: tuple[Command, ...] = (
    Command(
        "prompts",
        "Choose a prompt of the library",
        prompts,
        (),
        "[NAME]",
        offers,
        synonyms=("persona", "personas", "roles", "templates"),
    ),
)

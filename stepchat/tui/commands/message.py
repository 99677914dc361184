"""Commands on one message: the focused one, otherwise the last one they apply to. Its menu and its single keys are these rows."""

from __future__ import annotations

import asyncio
import os
import sys
from time import monotonic
from typing import TYPE_CHECKING, Final

from stepchat.errors import StepchatError, UsageError
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.text.sanitize import sanitize_for_display
from stepchat.transcript import copying
from stepchat.tui.commands.command import Command, check_idle, has_messages, run, target, user_path
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.keymap import keymap_of
from stepchat.tui.terminal import clipboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from stepchat.messages import StoredMessage
    from stepchat.transcript.document import MessageView
    from stepchat.transcript.markdown.blocks import Fence
    from stepchat.tui.chat.screen import ChatScreen

_PARTS = (
    ("answer", "the last answer"),
    ("code", "its last code block"),
    ("reasoning", "its reasoning"),
    ("selection", "the text selected with the mouse"),
    ("all", "the whole conversation"),
)
_SLICE: Final = 0.01
"""Seconds of work at a time, so that keys do not have to wait."""


# ---- what applies to a message


def _text(message: MessageView) -> str:
    if message.stored is None:
        return message.answer.text.source if message.answer is not None else ""
    stored = message.stored.message
    return stored.text or stored.refusal if isinstance(stored, AssistantMessage) else stored.text


def _can_be_copied(_screen: ChatScreen, message: MessageView) -> bool:
    return bool(_text(message)) or message.answer is not None


def _reasoning(message: MessageView) -> str:
    stored = None if message.stored is None else message.stored.message
    return stored.reasoning if isinstance(stored, AssistantMessage) else ""


def _has_reasoning(_screen: ChatScreen, message: MessageView) -> bool:
    return bool(_reasoning(message))


def _codes(screen: ChatScreen, message: MessageView) -> list[Fence]:
    if message.stored is None:
        return []
    return copying.code_blocks(screen.view.document, screen.view.document.messages.index(message))


def code_count(screen: ChatScreen, message: MessageView) -> int:
    """How many code blocks a message has."""
    return len(_codes(screen, message))


def _has_code(screen: ChatScreen, message: MessageView) -> bool:
    return bool(_codes(screen, message))


def _may_have_links(_screen: ChatScreen, message: MessageView) -> bool:
    stored = None if message.stored is None else message.stored.message
    return isinstance(stored, AssistantMessage) and copying.may_have_links(stored.text)


def _can_be_folded(_screen: ChatScreen, message: MessageView) -> bool:
    return message.foldable is not None or (message.stored is None and message.answer is not None)


def _is_stored(_screen: ChatScreen, message: MessageView) -> bool:
    return message.stored is not None


def _is_question(_screen: ChatScreen, message: MessageView) -> bool:
    return message.stored is not None and isinstance(message.stored.message, UserMessage)


def _can_be_asked(_screen: ChatScreen, message: MessageView) -> bool:
    return message.stored is not None and isinstance(message.stored.message, AssistantMessage | UserMessage)


def _has_siblings(screen: ChatScreen, message: MessageView) -> bool:
    stored = message.stored
    return (
        stored is not None
        and isinstance(stored.message, AssistantMessage)
        and stored.id in screen.conversation.siblings
    )


# ---- the commands


async def copy(screen: ChatScreen, argument: str) -> None:
    """Copy the focused message, the last answer, or the named part; with a file name, write it to a file."""
    part, _, file = argument.partition(" ")
    if part and part not in dict(_PARTS):
        raise UsageError(f"There is no part {part!r} to copy.", f"Parts: {', '.join(dict(_PARTS))}.")
    document, focused = screen.view.document, screen.view.focused_message
    match part or ("message" if focused is not None else "answer"):
        case "message":
            text, nothing = _text(focused) if focused else "", "There is no answer to copy yet."
        case "selection":
            text, nothing = screen.view.selected_text, "Nothing is selected. Drag with the mouse to select."
        case "code":
            text, nothing = copying.last_code(document), "The last answer has no code."
        case "reasoning":
            text, nothing = copying.last_reasoning(document), "There is no reasoning to copy."
        case "all":
            text, nothing = copying.conversation_markdown(document), "There is nothing to copy yet."
        case _:
            text, nothing = copying.last_answer(document), "There is no answer to copy yet."
    if not text:
        screen.flash(nothing)
    elif file:
        await _save(screen, text, file.strip())
    else:
        screen.copy(text)


async def _save(screen: ChatScreen, text: str, file: str) -> None:
    from stepchat.sessions.export.files import write_file

    async def pieces() -> AsyncIterator[str]:
        yield text

    path = user_path(file)
    await write_file(path, pieces())
    screen.flash(f"Saved {len(text):,} characters to {path}.")


async def copy_code(screen: ChatScreen, argument: str) -> None:
    """Copy the code block with this number; without one, the only block or the chosen one."""
    message = target(screen, _has_code)
    found = _codes(screen, message) if message is not None else []
    if argument:
        if not argument.isdigit() or not 1 <= int(argument) <= len(found):
            raise UsageError(f"There is no code block {argument}.", f"The message has {len(found)}.")
        screen.copy(found[int(argument) - 1].source)
        return
    chosen: str | None = "0"
    if len(found) > 1:
        rows = [_code_row(number, fence) for number, fence in enumerate(found)]
        chosen = await screen.app.push_screen_wait(Picker("Which code block?", rows))
    if chosen is not None and found:
        screen.copy(found[int(chosen)].source)


def _code_row(number: int, fence: Fence) -> Choice:
    lines = len(fence.lines)
    first = next((line.text.strip() for line in fence.lines if line.text.strip()), "")
    details = f"{fence.language or 'code'} · {lines:,} line{'' if lines == 1 else 's'}"
    return Choice(str(number), sanitize_for_display(first)[:60], (str(number + 1),), details)


async def copy_reasoning(screen: ChatScreen, _argument: str) -> None:
    if (message := target(screen, _has_reasoning)) is not None:
        screen.copy(_reasoning(message))


async def fold(screen: ChatScreen, _argument: str) -> None:
    if (message := target(screen, _can_be_folded)) is not None:
        screen.view.toggle_panel(screen.view.document.messages.index(message))


async def edit(screen: ChatScreen, _argument: str) -> None:
    message = target(screen, _is_question)
    if message is not None and message.stored is not None:
        screen.edit(message.stored)


async def retry(screen: ChatScreen, _argument: str) -> None:
    """Regenerate the answer to the focused question, the focused answer, or the last answer."""
    focused = screen.view.focused_message
    if focused is None and screen.prompt.text:
        raise StepchatError("Not regenerated: the prompt has text.", "Send it, or clear it with {key:interrupt}.")
    if focused is None or focused.stored is None or not _can_be_asked(screen, focused):
        screen.ask(None)
        return
    screen.leave_message()
    screen.ask(None, screen.conversation.path_before_answer(focused.stored))


async def fork(screen: ChatScreen, _argument: str) -> None:
    message = target(screen, _is_stored)
    if message is not None and message.stored is not None:
        await fork_from(screen, message.stored)


async def fork_from(screen: ChatScreen, stored: StoredMessage) -> None:
    """Open a new session that has everything up to this message."""
    check_idle(screen)
    screen.leave_message()
    # A model that was chosen but not asked yet is known only here.
    model = screen.conversation.model
    await screen.open(await screen.workspace.store.fork(stored.session, stored.id), keep_text=True)
    screen.conversation.set_model(model)
    screen.refresh_status()
    screen.flash("Forked to a new session. {key:sessions} to go back.")


async def compare(screen: ChatScreen, _argument: str) -> None:
    """Show an answer beside the version made before it, otherwise after it; the one chosen there becomes the shown branch."""
    message = target(screen, _has_siblings)
    if message is None or message.stored is None:
        return
    # Not needed by the first frame.
    from stepchat.tui.dialogs.compare import CompareScreen

    stored, store = message.stored, screen.workspace.store
    siblings = [row for row in await store.siblings(stored.id) if isinstance(row.message, AssistantMessage)]
    at = [row.id for row in siblings].index(stored.id)
    dialog = CompareScreen(
        siblings,
        (at - 1, at) if at else (0, 1),
        stored.id,
        screen.palette,
        lambda text: screen.app.notify(clipboard.copy(screen.app, text)),
    )
    chosen = await screen.app.push_screen_wait(dialog)
    if chosen is None or chosen == stored.id:
        return
    check_idle(screen)
    await screen.show_leaf(await store.deepest_leaf(chosen), chosen if screen.view.has_focus else None)


async def links(screen: ChatScreen, _argument: str) -> None:
    """List the links of the focused message, otherwise of the whole conversation."""
    from stepchat.tui.dialogs.links import link_picker

    focused, messages = screen.view.focused_message, screen.view.document.messages
    if focused is not None and focused.stored is not None:
        parts, whose = [focused], screen.message_name(focused.stored)
    else:
        parts, whose = list(reversed(messages)), "this chat"
    found = await _links(parts)
    if not found:
        screen.flash(f"There are no links in {whose}.")
        return
    address = await screen.app.push_screen_wait(link_picker(found, f"Links of {whose}"))
    if address is not None:
        await open_link(screen, address)


async def _links(parts: Sequence[MessageView]) -> list[tuple[str, str]]:
    """Text and address of the links of all parts in order, each address once. Much text takes many frames."""
    found: dict[str, str] = {}
    end = monotonic() + _SLICE
    for part in parts:
        for link in copying.links_in(part):
            if link is not None:
                text, address = link
                found.setdefault(address, text)
            if monotonic() > end:
                await asyncio.sleep(0)
                end = monotonic() + _SLICE
    return [(text, address) for address, text in found.items()]


async def open_link(screen: ChatScreen, address: str) -> None:
    """Show the whole address, then copy or open it."""
    from stepchat.tui.dialogs.links import link_menu

    match await screen.app.push_screen_wait(link_menu(address, desktop=has_desktop(os.environ))):
        case "copy":
            screen.copy(address)
        case "open":
            from stepchat.servers.login import open_browser

            open_browser(address)
            screen.flash("Opening it in the browser …")
        case _:
            pass


def has_desktop(environ: Mapping[str, str]) -> bool:
    """Whether the user would see a browser that is started here."""
    return sys.platform in ("darwin", "win32") or any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )


async def focus_up(screen: ChatScreen, _argument: str) -> None:
    screen.focus_message(-1)


async def focus_down(screen: ChatScreen, _argument: str) -> None:
    screen.focus_message(1)


async def message_up(screen: ChatScreen, _argument: str) -> None:
    screen.view.go_to_message(-1)


async def message_down(screen: ChatScreen, _argument: str) -> None:
    screen.view.go_to_message(1)


def _parts(_screen: ChatScreen) -> Sequence[tuple[str, str]]:
    return _PARTS


COMMANDS: tuple[Command, ...] = (
    Command("focus-up", "Focus the message above; single keys then act on it", focus_up, ("alt+up", "shift+tab", "leader up")),
    Command("focus-down", "Focus the message below; after the last one the prompt", focus_down, ("alt+down", "leader down")),
    Command(
        "copy", "Copy the focused message or the last answer", copy, ("alt+c", "leader c"),
        "[answer|code|reasoning|selection|all [FILE]]", _parts, message_key="c", word="copy", applies=_can_be_copied, synonyms=("yank", "clipboard"),
        is_offered=has_messages),
    Command(
        "compare", "Compare two versions of an answer side by side", compare,
        needs=("message",), message_key="=", word="compare", applies=_has_siblings,
        missing="There is no second answer to compare with; {key:retry} makes one.", synonyms=("diff",)),
    Command(
        "copy-code", "Copy a code block; 1 to 9 copy one directly", copy_code, argument="[NUMBER]",
        needs=("message",), message_key="b", word="code", applies=_has_code, missing="There is no code to copy.",
    ),
    Command(
        "copy-reasoning", "Copy the reasoning", copy_reasoning, needs=("message",), message_key="t", word="reasoning",
        applies=_has_reasoning, missing="There is no reasoning to copy.",
    ),
    Command(
        "links", "List links: copy or open one", links, ("leader h",),
        message_key="l", word="links", applies=_may_have_links, synonyms=("urls",)),
    Command(
        "fold", "Fold or open the reasoning, a long tool result or a long question", fold,
        needs=("message",), message_key="f", word="fold", applies=_can_be_folded, missing="There is nothing to fold.",
    ),
    Command(
        "edit", "Edit and resend a question (keeps the old one)", edit, ("alt+q", "leader q"),
        needs=("message",), message_key="e", word="edit", applies=_is_question,
        missing="There is no question to edit yet.", synonyms=("amend",)),
    Command(
        "retry", "Regenerate the answer (keeps the old one)", retry, ("alt+r", "leader r"),
        needs=("message", "idle"), message_key="r", word="regenerate", applies=_can_be_asked,
        missing="There is nothing to regenerate yet.", synonyms=("regenerate", "regen", "again")),
    Command(
        "fork", "Fork a new session from here", fork,
        needs=("message", "idle"), message_key="F", word="fork", applies=_is_stored,
        missing="There is nothing to fork yet.", synonyms=("branch", "clone")),
    Command("message-up", "Scroll to the message above", message_up, ("ctrl+up", "leader minus"), is_offered=has_messages),
    Command("message-down", "Scroll to the message below", message_down, ("ctrl+down", "leader plus"), is_offered=has_messages),
)  # fmt: skip

# ---- the menu of the focused message


async def menu(screen: ChatScreen, commands: Sequence[Command]) -> None:
    """Choose one of the commands that apply to the focused message."""
    focused = screen.view.focused_message
    if focused is None or focused.stored is None:
        return
    rows = [row for row in commands if row.message_key and row.applies(screen, focused)]
    choices = [Choice(row.name, row.help, (keymap_of(screen).label(f"message.{row.name}"),), row.word) for row in rows]
    chosen = await screen.app.push_screen_wait(
        Picker(screen.message_name(focused.stored).capitalize(), choices, is_menu=True)
    )
    for row in rows:
        if row.name == chosen:
            await run(screen, row)

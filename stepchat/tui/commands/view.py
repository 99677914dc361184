"""Commands about what is on the screen: reasoning, scrolling, copying."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.errors import StepchatError
from stepchat.messages import AssistantMessage
from stepchat.transcript import copying
from stepchat.transcript.logprobs import read_tokens
from stepchat.tui.chat.find_bar import open_find
from stepchat.tui.commands import message_menu
from stepchat.tui.commands.command import Command
from stepchat.tui.commands.links import choose
from stepchat.tui.terminal import clipboard
from stepchat.tui.terminal.mouse_reporting import report_mouse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.transcript.answer import ReasoningView
    from stepchat.tui.commands.command import Chat

_VIEWS = (
    ("tail", "the last lines while it thinks"),
    ("full", "all of it while it thinks"),
    ("hidden", "only the header while it thinks"),
)
_PARTS = (
    ("answer", "the last answer"),
    ("code", "its last code block"),
    ("reasoning", "its reasoning"),
    ("selection", "what the mouse has selected"),
    ("all", "the whole chat"),
)


def reasoning_view(word: str) -> ReasoningView:
    """The setting by its name; anything unknown is the usual one."""
    match word:
        case "full" | "hidden":
            return word
        case _:
            return "tail"


async def reasoning(chat: Chat, argument: str) -> None:
    if argument and argument not in dict(_VIEWS):
        raise StepchatError(f"There is no view {argument!r} of the reasoning.", f"Views: {', '.join(dict(_VIEWS))}.")
    if argument:
        chat.view.document.reasoning_view = reasoning_view(argument)
        await chat.workspace.store.set_setting("reasoning_view", argument)
        chat.tell(f"Of the reasoning you see {dict(_VIEWS)[argument]}.")
    else:
        chat.view.toggle_reasoning()


async def reasoning_all(chat: Chat, _argument: str) -> None:
    chat.view.toggle_all_reasoning()


async def page_up(chat: Chat, _argument: str) -> None:
    chat.view.scroll_page(-1)


async def page_down(chat: Chat, _argument: str) -> None:
    chat.view.scroll_page(1)


async def half_up(chat: Chat, _argument: str) -> None:
    chat.view.scroll_page(-0.5)


async def half_down(chat: Chat, _argument: str) -> None:
    chat.view.scroll_page(0.5)


async def row_up(chat: Chat, _argument: str) -> None:
    chat.view.scroll_lines(-1)


async def row_down(chat: Chat, _argument: str) -> None:
    chat.view.scroll_lines(1)


async def top(chat: Chat, _argument: str) -> None:
    chat.view.scroll_home()


async def end(chat: Chat, _argument: str) -> None:
    chat.view.scroll_to_end()


async def copy(chat: Chat, argument: str) -> None:
    if argument and argument not in dict(_PARTS):
        raise StepchatError(f"There is no part {argument!r} to copy.", f"Parts: {', '.join(dict(_PARTS))}.")
    document = chat.view.document
    match argument or "answer":
        case "selection":
            text, nothing = chat.view.overlays.selection.text(), "Nothing is selected; drag with the mouse."
        case "code":
            text, nothing = copying.code(document), "The last answer has no code."
        case "reasoning":
            text, nothing = copying.reasoning(document), "There is no reasoning to copy."
        case "all":
            text, nothing = copying.everything(document), "There is nothing to copy yet."
        case _:
            text, nothing = copying.answer(document), "There is no answer to copy yet."
    chat.tell(clipboard.copy(chat.app, text) if text else nothing)


async def find(chat: Chat, argument: str) -> None:
    await open_find(chat, argument)


async def links(chat: Chat, _argument: str) -> None:
    place = chat.view.overlays.focus.place
    part = chat.view.overlays.focus.message
    name = message_menu.name(chat, part.stored) if part is not None and part.stored is not None else ""
    await choose(chat, place if name else None, name or "this chat")


async def tokens(chat: Chat, _argument: str) -> None:
    from stepchat.tui.dialogs.logprobs import LogprobsScreen

    part = chat.view.overlays.focus.message
    chosen = part.stored if part is not None else None
    answers = [chosen] if chosen is not None else list(reversed(chat.conversation.path))
    answer = next((stored.message for stored in answers if isinstance(stored.message, AssistantMessage)), None)
    if answer is None:
        raise StepchatError("There is no answer to look at here.", "Ask something first.")
    if not answer.logprobs:
        raise StepchatError(
            "This answer came without probabilities.", "/set logprobs=true and /set top_logprobs=5 ask for them."
        )
    await chat.app.push_screen_wait(LogprobsScreen(read_tokens(answer.logprobs)))


async def mouse(chat: Chat, _argument: str) -> None:
    """The view knows who has the mouse, because it is the one that uses it."""
    free = chat.view.mouse_is_free = not chat.view.mouse_is_free
    report_mouse(chat.app, on=not free)
    chat.tell("The mouse is the terminal's; F2 takes it back." if free else "The mouse is back.")
    chat.refresh_status()


def _views(_chat: Chat) -> Sequence[tuple[str, str]]:
    return _VIEWS


def _parts(_chat: Chat) -> Sequence[tuple[str, str]]:
    return _PARTS


COMMANDS: tuple[Command, ...] = (
    Command("reasoning", "Fold or open the reasoning", reasoning, "ctrl+t", "[tail|full|hidden]", _views),
    Command("reasoning-all", "Fold or open all reasoning", reasoning_all, "alt+t"),
    Command("page-up", "Scroll a page up", page_up, "pageup"),
    Command("page-down", "Scroll a page down", page_down, "pagedown"),
    Command("half-up", "Scroll half a page up", half_up, "alt+u"),
    Command("half-down", "Scroll half a page down", half_down, "alt+d"),
    Command("row-up", "Scroll a row up", row_up, "alt+k"),
    Command("row-down", "Scroll a row down", row_down, "alt+j"),
    Command("top", "Go to the beginning", top, "ctrl+home"),
    Command("end", "Go to the end and follow it", end, "ctrl+end"),
    Command("find", "Find words in the conversation", find, "ctrl+f", "[WORDS]"),
    Command("links", "List the links of the message in focus, or of all; copy or open one", links, "alt+l"),
    Command("tokens", "Look at how likely each token of the answer was", tokens),
    Command("mouse", "Leave the mouse to the terminal, or take it back", mouse, "f2"),
    Command("copy", "Copy the last answer", copy, "alt+c", "[answer|code|reasoning|selection|all]", _parts),
)

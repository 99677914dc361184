"""What can be done with the message in focus: the table of actions, their keys, and the short menu in the status line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from stepchat.chat import branches
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.text.sanitize import sanitize_for_display
from stepchat.transcript import copying
from stepchat.tui.chat import context_window
from stepchat.tui.chat.status_bar import Fact
from stepchat.tui.commands import links
from stepchat.tui.commands.compare import compare, has_siblings
from stepchat.tui.commands.inspector import inspect_message
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.terminal import clipboard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual import events

    from stepchat.messages import StoredMessage
    from stepchat.transcript.markdown.blocks import Fence
    from stepchat.tui.commands.command import Chat


@dataclass(frozen=True, slots=True)
class MessageAction:
    """A key that acts on the message in focus, the word for it in the status line, and what it does in a few words."""

    key: str
    word: str
    help: str
    applies: Callable[[Chat, StoredMessage], bool]
    run: Callable[[Chat, StoredMessage], Awaitable[None]]


def is_busy(chat: Chat) -> bool:
    """Whether an answer is on its way, which is said then: the branch cannot be changed under it."""
    if chat.conversation.busy:
        chat.tell("It is still answering; Esc stops it.")
    return chat.conversation.busy


async def copy(chat: Chat, stored: StoredMessage) -> None:
    chat.tell(clipboard.copy(chat.app, _text(stored)))


async def copy_code(chat: Chat, _stored: StoredMessage) -> None:
    """Its code block; of several the one that is chosen."""
    found = _codes(chat)
    if len(found) > 1:
        rows = [_code_row(number, fence) for number, fence in enumerate(found)]
        chosen = await chat.app.push_screen_wait(Picker("Which code block?", rows))
        found = [found[int(chosen)]] if chosen is not None else []
    if found:
        chat.tell(clipboard.copy(chat.app, found[0].source))


def _code_row(number: int, fence: Fence) -> Choice:
    lines = len(fence.lines)
    first = next((line.text.strip() for line in fence.lines if line.text.strip()), "")
    facts = f"{fence.language or 'code'} · {lines:,} line{'' if lines == 1 else 's'}"
    return Choice(str(number), sanitize_for_display(first)[:60], (str(number + 1),), facts)


async def copy_reasoning(chat: Chat, stored: StoredMessage) -> None:
    chat.tell(clipboard.copy(chat.app, _reasoning(stored)))


async def show_links(chat: Chat, stored: StoredMessage) -> None:
    await links.choose(chat, chat.view.overlays.focus.place, name(chat, stored))


async def fold(chat: Chat, stored: StoredMessage) -> None:
    place = chat.view.overlays.focus.place
    if place is not None and chat.view.document.messages[place].stored is stored:
        chat.view.toggle_panel(place)


async def edit(chat: Chat, stored: StoredMessage) -> None:
    chat.editing.begin(stored)


async def regenerate(chat: Chat, stored: StoredMessage) -> None:
    """Of a question the answer is made anew, of an answer that answer."""
    if is_busy(chat):
        return
    leave(chat)
    context_window.ask(chat, None, chat.conversation.path_to_question(stored))


async def fork(chat: Chat, stored: StoredMessage) -> None:
    if is_busy(chat):
        return
    leave(chat)
    # A model that was chosen and not asked yet is nowhere but here.
    chosen = chat.conversation.model
    await chat.open(await chat.workspace.store.fork(stored.session, stored.id), along=True)
    chat.conversation.model = chosen
    chat.refresh_status()
    chat.tell("This is a new session with everything up to here.")


def _always(_chat: Chat, _stored: StoredMessage) -> bool:
    return True


def _has_text(_chat: Chat, stored: StoredMessage) -> bool:
    return bool(_text(stored))


def _codes(chat: Chat) -> list[Fence]:
    place = chat.view.overlays.focus.place
    return copying.codes(chat.view.document, place) if place is not None else []


def _has_code(chat: Chat, _stored: StoredMessage) -> bool:
    return bool(_codes(chat))


def _reasoning(stored: StoredMessage) -> str:
    return stored.message.reasoning if isinstance(stored.message, AssistantMessage) else ""


def _has_reasoning(_chat: Chat, stored: StoredMessage) -> bool:
    return bool(_reasoning(stored))


def _may_have_links(_chat: Chat, stored: StoredMessage) -> bool:
    return isinstance(stored.message, AssistantMessage) and copying.may_have_links(stored.message.text)


def _can_be_folded(chat: Chat, stored: StoredMessage) -> bool:
    parts = chat.view.document.messages
    return any(part.stored is stored and part.foldable is not None for part in parts)


def _is_question(_chat: Chat, stored: StoredMessage) -> bool:
    return isinstance(stored.message, UserMessage)


def _can_be_asked(_chat: Chat, stored: StoredMessage) -> bool:
    return isinstance(stored.message, AssistantMessage | UserMessage)


def _text(stored: StoredMessage) -> str:
    message = stored.message
    return message.text or message.refusal if isinstance(message, AssistantMessage) else message.text


ACTIONS: tuple[MessageAction, ...] = (
    MessageAction("c", "copy", "Copy it as it was written", _has_text, copy),
    MessageAction("=", "compare", "Look at it beside another answer in its place", has_siblings, compare),
    MessageAction("b", "code", "Copy its code block, or one of them; 1 to 9 copy at once", _has_code, copy_code),
    MessageAction("t", "thoughts", "Copy its reasoning", _has_reasoning, copy_reasoning),
    MessageAction("l", "links", "List its links, to copy or open one", _may_have_links, show_links),
    MessageAction("f", "fold", "Fold or open its reasoning, or a tool's long result", _can_be_folded, fold),
    MessageAction("e", "edit", "Ask it in other words; what is there stays beside it", _is_question, edit),
    MessageAction("r", "regenerate", "Ask again; what is there stays beside it", _can_be_asked, regenerate),
    MessageAction("i", "inspect", "Look at what went over the line", _can_be_asked, inspect_message),
    MessageAction("k", "fork", "Go on in a new session from here", _always, fork),
)
"""In the order of the menu. What does not apply to a message is left out."""
_LIVE = (("c", "copy"), ("f", "fold"))
"""What can be done with an answer that is still being written."""


def actions(chat: Chat, stored: StoredMessage) -> list[MessageAction]:
    return [action for action in ACTIONS if action.applies(chat, stored)]


# ---- focus


def focus(chat: Chat, by: int) -> None:
    """To the message before or after. Below the last one is the prompt."""
    if chat.view.step_focus(by):
        take_keys(chat)
    elif by > 0:
        leave(chat)


def focus_end(chat: Chat, *, last: bool) -> None:
    """To the first message, or the last one."""
    chat.view.focus_end(last=last)
    take_keys(chat)


def take_keys(chat: Chat) -> None:
    """Keys go to the message in focus. Its menu is seen at once."""
    chat.tell("")
    chat.view.can_focus = True
    chat.view.focus()
    chat.refresh_status()


async def walk(chat: Chat, by: int) -> None:
    """To a sibling of the message in focus, by 0 nowhere."""
    async with chat.conversation.branch_lock:
        # Looked at only now: the step before may have changed it.
        part = chat.view.overlays.focus.message
        if by and part is not None and part.stored is not None and not is_busy(chat):
            await branches.show_sibling(chat.conversation, part.stored, by)


def leave(chat: Chat) -> None:
    """Back to the prompt."""
    if chat.view.overlays.focus.message is not None:
        chat.view.clear_focus()
    chat.prompt.focus()
    chat.view.can_focus = False
    chat.refresh_status()


def on_key(chat: Chat, event: events.Key) -> bool:
    """Do what a key means for the message in focus. Returns False for keys that mean what they always do."""
    part = chat.view.overlays.focus.message
    if not chat.view.has_focus:
        return False
    if part is None:  # it has gone, with another branch
        leave(chat)
        if letter := _letter_of(event):
            chat.prompt.insert(letter)
        return bool(letter)
    match event.key:
        case "escape":
            leave(chat)
        case "up":
            focus(chat, -1)
        case "down":
            focus(chat, 1)
        case "home" | "end":
            focus_end(chat, last=event.key == "end")
        case "left":
            chat.start(partial(walk, chat, -1))
        case "right":
            chat.start(partial(walk, chat, 1))
        case "enter" if part.stored is not None:
            chat.start(partial(_menu, chat, part.stored))
        case _:
            return _letter(chat, event, part.stored)
    return True


def _letter(chat: Chat, event: events.Key, stored: StoredMessage | None) -> bool:
    letter = _letter_of(event)
    key = "c" if event.key == "ctrl+c" else letter
    action = next((row for row in actions(chat, stored) if row.key == key), None) if stored is not None else None
    if action is not None and stored is not None:
        chat.start(partial(action.run, chat, stored))
    elif stored is None and key in dict(_LIVE):
        _act_on_live(chat, key)
    elif key and key in "123456789" and len(found := _codes(chat)) >= int(key):
        chat.tell(clipboard.copy(chat.app, found[int(key) - 1].source))
    elif letter:
        # It is not put into the prompt: of a sentence half of the letters would mean something else here.
        chat.tell(f"{letter} does nothing here: Enter shows what does, Esc goes back.")
    else:
        return False
    return True


def _letter_of(event: events.Key) -> str:
    """Textual names the letter of Alt+letter, too; that is a command and no letter."""
    return event.character or "" if event.is_printable and not event.key.startswith("alt+") else ""


def _act_on_live(chat: Chat, key: str) -> None:
    """On the answer that is being written."""
    place = chat.view.overlays.focus.place
    if place is None:
        return
    answer = chat.view.document.messages[place].answer
    if key == "f":
        chat.view.toggle_panel(place)
    elif answer is not None and answer.text:
        chat.tell(clipboard.copy(chat.app, answer.text.source))
    else:
        chat.tell("There is no answer to copy yet.")


async def _menu(chat: Chat, stored: StoredMessage) -> None:
    rows = {action.key: action for action in actions(chat, stored)}
    choices = [Choice(action.key, action.help, (action.key,), action.word) for action in rows.values()]
    chosen = await chat.app.push_screen_wait(Picker(name(chat, stored).capitalize(), choices))
    if chosen is not None:
        await rows[chosen].run(chat, stored)


# ---- status line


def facts(chat: Chat) -> list[Fact]:
    """What is in focus, or being edited; nothing when no message is."""
    part = chat.view.overlays.focus.message
    if part is None:
        return [Fact(words, "warning") for words in chat.editing.facts()]
    if part.stored is None:
        return [Fact("the answer being written", "state")]
    siblings = chat.view.overlays.siblings.known.get(part.stored.id)
    walk_by = f" · ←→ {siblings[0]}/{siblings[1]}" if siblings else ""
    return [Fact(name(chat, part.stored) + walk_by, "state")]


def hints(chat: Chat) -> list[tuple[str, str]]:
    """The short menu."""
    part = chat.view.overlays.focus.message
    if part is None:
        return chat.editing.hints()
    if part.stored is None:
        return [("Esc", "prompt"), *_LIVE]
    return [("Enter", "menu"), ("Esc", "prompt"), *((row.key, row.word) for row in actions(chat, part.stored))]


def name(chat: Chat, stored: StoredMessage) -> str:
    """Question 3, answer 3: counted by questions."""
    number = 0
    for other in chat.conversation.path:
        number += isinstance(other.message, UserMessage)
        if other.id == stored.id:
            break
    match stored.message:
        case UserMessage():
            return f"question {number}"
        case AssistantMessage():
            return f"answer {number}"
        case _:
            return f"tool result {number}"

"""Commands about how the model thinks: how hard, and when to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.chat.context_window import LIMITS, tokens_used
from stepchat.errors import UsageError
from stepchat.messages import AssistantMessage
from stepchat.reasoning.effort import AUTO, REJECTED_SETTING, Level, effort_of, levels, next_level
from stepchat.servers.refusals import reasoning_settings, rejected_settings
from stepchat.servers.wire import is_reasoning_only
from stepchat.tui.chat import context_window
from stepchat.tui.commands.command import Command
from stepchat.tui.commands.parameters import put
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.catalogue.models import Model
    from stepchat.tui.commands.command import Chat


async def effort(chat: Chat, argument: str) -> None:
    known = await _levels(chat)
    wanted = argument.lower() or await chat.app.push_screen_wait(_pick(chat, known))
    if wanted is not None:
        await _ask_for(chat, wanted, known)


async def effort_next(chat: Chat, _argument: str) -> None:
    known = await _levels(chat)
    if all(level.reason for level in known):
        chat.tell(f"There is nothing to choose: {known[-2].reason}.")
        return
    await _ask_for(chat, next_level(effort_of(chat.conversation.parameters), known), known)


async def _ask_for(chat: Chat, wanted: str, known: Sequence[Level]) -> None:
    if wanted != AUTO:
        level = next((level for level in known if level.name == wanted), None)
        if level is None:
            names = ", ".join([AUTO, *(level.name for level in known)])
            raise UsageError(f"There is no effort {wanted!r}.", f"There are: {names}.")
        # What was refused before is tried again when it is asked for by name.
        if level.reason not in {"", REJECTED_SETTING}:
            raise UsageError(f"Effort {wanted} is not sent: {level.reason}.", "/effort shows what there is.")
    # What was asked for otherwise would contradict it.
    given = [setting.partition("=")[0] for setting in reasoning_settings(chat.conversation.parameters)]
    others = [
        (name, None) for name in given if name in {"reasoning.max_tokens", "reasoning.enabled", "reasoning_effort"}
    ]
    await put(chat, "session", [*others, ("reasoning.effort", None if wanted == AUTO else wanted)])
    chat.tell("Effort auto: the model decides how hard it thinks." if wanted == AUTO else f"Effort {wanted}.")
    chat.refresh_status()


async def _levels(chat: Chat) -> tuple[Level, ...]:
    workspace, slug = chat.workspace, chat.conversation.model
    refused = await rejected_settings(workspace.store, workspace.client.base_url, slug)
    return levels(workspace.catalogue.find(slug), slug, refused)


def _pick(chat: Chat, known: Sequence[Level]) -> Picker:
    current = effort_of(chat.conversation.parameters)
    model = chat.workspace.catalogue.find(chat.conversation.model)
    default = model.reasoning.default_effort if model is not None and model.reasoning is not None else None
    rows = [Choice(AUTO, AUTO, ("•" if current == AUTO else "",), f"the model's own: {default}" if default else "")]
    rows += [
        Choice(
            level.name,
            level.name,
            ("•" if current == level.name else "",),
            level.reason,
            level.reason not in {"", REJECTED_SETTING},
        )
        for level in known
    ]
    return Picker("How hard to think", rows)


def _efforts(chat: Chat) -> Sequence[tuple[str, str]]:
    slug = chat.conversation.model
    known = levels(chat.workspace.catalogue.find(slug), slug)
    return [(AUTO, "the model decides"), *((level.name, level.reason) for level in known)]


async def answer_now(chat: Chat, _argument: str) -> None:
    conversation = chat.conversation
    if conversation.meter is None:
        if conversation.path and is_reasoning_only(conversation.path[-1].message):
            context_window.ask(chat, None, conversation.path)
        else:
            chat.tell("Nothing is being thought about.")
    elif conversation.meter.phase != "thinking":
        answering = conversation.meter.phase == "answering"
        chat.tell("It is answering already." if answering else "It has not begun to think yet; Esc stops it.")
    else:
        await conversation.stop()
        if conversation.path and is_reasoning_only(conversation.path[-1].message):
            _fold(chat, conversation.path[-1].id)
            context_window.ask(chat, None, conversation.path)


def _fold(chat: Chat, message_id: str) -> None:
    """What was thought makes room for the answer, which follows it as if it were one."""
    for place, part in enumerate(chat.view.document.messages):
        answer = part.answer
        if part.stored is not None and part.stored.id == message_id and answer is not None and answer.panel != "folded":
            chat.view.toggle_panel(place)


async def more(chat: Chat, _argument: str) -> None:
    conversation = chat.conversation
    last = conversation.path[-1].message if conversation.path else None
    if conversation.busy:
        chat.tell("It is still answering; Esc stops it.")
    elif not isinstance(last, AssistantMessage) or last.stop != "length":
        chat.tell("The last answer did not meet a limit on its length.")
    else:
        name, limit = _larger(chat, last)
        await put(chat, "once", [(name, limit)])
        context_window.ask(chat, None)
        chat.tell(f"Asked again with {name} = {limit:,}, this once.")


def _larger(chat: Chat, last: AssistantMessage) -> tuple[str, int]:
    """The limit to ask with: twice the one that was met, or all that the model can give."""
    conversation = chat.conversation
    model = chat.workspace.catalogue.find(conversation.model)
    most = None if model is None else _most(model, tokens_used(conversation.path_to_question()))
    for name in LIMITS:
        limit = last.parameters.get(name) or conversation.parameters.get(name)
        if isinstance(limit, int) and (most is None or limit < most):
            return name, min(2 * limit, most or 2 * limit)
    said = last.usage.completion_tokens or 0
    if most is None or most <= said or any(last.parameters.get(name) for name in LIMITS):
        raise UsageError(
            "The limit was the model's own, so there is no larger one.",
            "Alt+G goes on from there; a shorter question or another model may help, too.",
        )
    return "max_tokens", most


def _most(model: Model, said: int) -> int | None:
    """How long an answer can be, within the model's window; None when that is not known."""
    room = None if model.context_length is None else model.context_length - said
    return min((limit for limit in (model.max_completion_tokens, room) if limit is not None), default=None)


COMMANDS: tuple[Command, ...] = (
    Command("effort", "Choose how hard the model thinks", effort, None, "[LEVEL]", _efforts),
    Command("effort-next", "The next level of effort that the model has", effort_next, "alt+e"),
    Command("answer-now", "Stop the thinking and ask for the answer straight away", answer_now, "alt+a"),
    Command("more", "Ask again with a larger limit, after an answer met it", more, "alt+m"),
)

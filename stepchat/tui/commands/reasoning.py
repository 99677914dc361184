"""Commands about reasoning: its effort, and how to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.chat.context_window import LIMITS, tokens_used
from stepchat.errors import UsageError
from stepchat.messages import AssistantMessage
from stepchat.parameters.budget import NAME as THINK_AT_MOST
from stepchat.parameters.budget import NO_LIMIT, parse_budget
from stepchat.parameters.values import parse_text
from stepchat.reasoning.effort import AUTO, REJECTED_SETTING, Level, effort_of, levels, next_level
from stepchat.servers.refusals import reasoning_settings, rejected_settings
from stepchat.servers.wire import is_reasoning_only
from stepchat.tui.commands.command import Command
from stepchat.tui.commands.parameters import put
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.catalogue.models import Model
    from stepchat.tui.chat.screen import ChatScreen


async def effort(screen: ChatScreen, argument: str) -> None:
    known = await _levels(screen)
    wanted = argument.lower() or await screen.app.push_screen_wait(_pick(screen, known))
    if wanted == _THINK:
        screen.prompt.prefill("/think ")
    elif wanted is not None:
        await _ask_for(screen, wanted, known)


async def effort_next(screen: ChatScreen, _argument: str) -> None:
    known = await _levels(screen)
    if all(level.reason for level in known):
        reason = known[-2].reason
        screen.flash(f"{reason[:1].upper()}{reason[1:]}. /think 20s limits its reasoning.")
        return
    await _ask_for(screen, next_level(effort_of(screen.conversation.parameters), known), known)


async def _ask_for(screen: ChatScreen, wanted: str, known: Sequence[Level]) -> None:
    if wanted != AUTO:
        level = next((level for level in known if level.name == wanted), None)
        if level is None:
            names = ", ".join([AUTO, *(level.name for level in known)])
            raise UsageError(f"There is no effort {wanted!r}.", f"Known levels: {names}.")
        # A level that was rejected before is tried again when it is named.
        if level.reason not in {"", REJECTED_SETTING}:
            raise UsageError(f"Effort {wanted} is not sent: {level.reason}.", "/effort lists the levels.")
    # Other settings of the effort would contradict it.
    given = [setting.partition("=")[0] for setting in reasoning_settings(screen.conversation.parameters)]
    others = [
        (name, None) for name in given if name in {"reasoning.max_tokens", "reasoning.enabled", "reasoning_effort"}
    ]
    await put(screen, "session", [*others, ("reasoning.effort", None if wanted == AUTO else wanted)])
    screen.flash("Effort auto: the model decides." if wanted == AUTO else f"Effort {wanted}.")
    screen.refresh_status()


async def _levels(screen: ChatScreen) -> tuple[Level, ...]:
    workspace, slug = screen.workspace, screen.conversation.model
    refused = await rejected_settings(workspace.store, workspace.client.base_url, slug)
    return levels(workspace.catalogue.find(slug), slug, refused)


def _pick(screen: ChatScreen, known: Sequence[Level]) -> Picker:
    current = effort_of(screen.conversation.parameters)
    model = screen.workspace.catalogue.find(screen.conversation.model)
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
    if all(level.reason for level in known):
        rows.append(Choice(_THINK, "limit", ("",), "/think 20s, with every model"))
    return Picker("Reasoning effort", rows)


async def think(screen: ChatScreen, argument: str) -> None:
    """`20s`, `2000` tokens, `off`; without an argument it shows the limit."""
    scopes = screen.conversation.scopes
    if argument:
        value = None if argument.lower() in NO_LIMIT else parse_text(THINK_AT_MOST, argument)
        await put(screen, "session", [(THINK_AT_MOST, value)])
        scopes = screen.conversation.scopes
    limit = parse_budget(scopes.resolve(THINK_AT_MOST).value)
    screen.flash(f"Thinks at most {limit}, then answers." if limit else "No limit on thinking. /think 20s sets one.")
    screen.refresh_status()


def _budgets(_screen: ChatScreen) -> Sequence[tuple[str, str]]:
    return (("20s", "seconds"), ("2min", "minutes"), ("2000", "tokens"), ("off", "no limit"))


def _efforts(screen: ChatScreen) -> Sequence[tuple[str, str]]:
    slug = screen.conversation.model
    known = levels(screen.workspace.catalogue.find(slug), slug)
    return [(AUTO, "the model decides"), *((level.name, level.reason) for level in known)]


async def answer_now(screen: ChatScreen, _argument: str) -> None:
    conversation = screen.conversation
    if screen.progress is None:
        if conversation.path and is_reasoning_only(conversation.path[-1].message):
            screen.ask(None, conversation.path)
        else:
            screen.flash("The model is not thinking.")
    elif screen.progress.phase != "thinking":
        answering = screen.progress.phase == "answering"
        screen.flash("It is answering already." if answering else "The model has not started yet. {key:stop} cancels.")
    else:
        conversation.answer_now()


def _may_answer_now(screen: ChatScreen) -> bool:
    if screen.progress is not None:
        return screen.progress.phase == "thinking"
    path = screen.conversation.path
    return bool(path) and is_reasoning_only(path[-1].message)


def _truncated(screen: ChatScreen) -> AssistantMessage | None:
    """The last answer if a token limit cut it off."""
    path = screen.conversation.path
    last = path[-1].message if path else None
    return last if isinstance(last, AssistantMessage) and last.stop == "length" else None


async def more(screen: ChatScreen, _argument: str) -> None:
    if (last := _truncated(screen)) is None:
        screen.flash("The last answer was not cut off by a token limit.")
    else:
        name, limit = _larger(screen, last)
        await put(screen, "once", [(name, limit)])
        screen.ask(None)
        screen.flash(f"Retrying with {name} = {limit:,}, this once.")


def _larger(screen: ChatScreen, last: AssistantMessage) -> tuple[str, int]:
    """The limit to retry with: twice the one that was reached, at most what the model supports."""
    conversation = screen.conversation
    model = screen.workspace.catalogue.find(conversation.model)
    most = None if model is None else _most(model, tokens_used(conversation.path_to_question()))
    for name in LIMITS:
        limit = last.parameters.get(name) or conversation.parameters.get(name)
        if isinstance(limit, int) and (most is None or limit < most):
            return name, min(2 * limit, most or 2 * limit)
    received = last.usage.completion_tokens or 0
    if most is None or most <= received or any(last.parameters.get(name) for name in LIMITS):
        raise UsageError(
            "The model's maximum output length was reached; it cannot be raised.",
            "{key:continue} continues from there; a shorter question or another model may help, too.",
        )
    return "max_tokens", most


def _most(model: Model, used: int) -> int | None:
    """The longest answer in tokens that fits into the context window; None if unknown."""
    space = None if model.context_length is None else model.context_length - used
    return min((limit for limit in (model.max_completion_tokens, space) if limit is not None), default=None)


_THINK = "think"
COMMANDS: tuple[Command, ...] = (
    Command("effort", "Choose the reasoning effort", effort, (), "[LEVEL]", _efforts),
    Command("think", "Limit the reasoning, then answer", think, (), "[20s or TOKENS or off]", _budgets),
    Command("effort-next", "Next effort level", effort_next, ("alt+e", "leader e")),
    Command(
        "answer-now", "Stop the reasoning and answer now", answer_now, ("alt+a", "leader a"), is_offered=_may_answer_now
    ),
    Command(
        "more",
        "Retry with a higher token limit",
        more,
        ("alt+m", "leader m"),
        needs=("idle",),
        synonyms=("longer",),
        is_offered=lambda screen: _truncated(screen) is not None,
    ),
)

"""Every dialog with nothing in it, and with names that are out to do harm, from a window of 20 columns to a wide one."""

from __future__ import annotations

import re
from inspect import isawaitable
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest

from stepchat.catalogue.models import Model
from stepchat.chat.favourites import ModelChoices
from stepchat.chat.spending import ReportLine
from stepchat.messages import AssistantMessage, StoredMessage, UserMessage
from stepchat.parameters.scopes import Scopes
from stepchat.transcript.logprobs import Token
from stepchat.tui.dialogs.compare import CompareScreen
from stepchat.tui.dialogs.inspector import InspectorScreen
from stepchat.tui.dialogs.logprobs import LogprobsScreen
from stepchat.tui.dialogs.models import ModelPicker
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.dialogs.report import TextDialog
from stepchat.tui.dialogs.secret import SecretPrompt
from stepchat.tui.dialogs.session_list import SessionListOptions
from stepchat.tui.dialogs.sessions import SessionScreen
from stepchat.tui.dialogs.settings import SettingsScreen
from stepchat.tui.dialogs.tree import TreeScreen
from stepchat.tui.themes import choose_theme, palette
from tests.tui.screen import screen_rows
from tests.tui.window import window

pytestmark = pytest.mark.usefixtures("short_pauses")

NAMES = (
    "\x1b[31mred\x1b]0;title\x07\x00\x9b2J",
    "\u202eright to left\u2066 مرحبا بالعالم",
    "x" * 3000,
    "漢字の読み方" * 60,
    "👩‍👩‍👧🎉🇩🇪" * 40,
    "[bold]markup[/] $text \n\n line",
    "",
)
THEME = choose_theme("dark", Path("no such folder"), lambda _: None)
SIZES = ((20, 8), (130, 40))
KEYS = ("pagedown", "x")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def messages(names):
    path, parent = [], None
    for number, name in enumerate(names):
        asked = StoredMessage(f"q{number}", "s", parent, UserMessage(name, 1.0))
        parts = (AssistantMessage(text=name, reasoning=name, model=name, provider=name, parameters={"stop": name}),) * 2
        said = [StoredMessage(f"{side}{number}", "s", asked.id, each) for side, each in zip("ab", parts, strict=True)]
        path += [asked, *said]
        parent = said[0].id
    return path


async def none(*_):
    return None


async def nothing(*_):
    return ()


def pick(_, names):
    return Picker(
        names[0] if names else "", [Choice(f"{at}", name, (name[:9],), name) for at, name in enumerate(names)]
    )


def pick_model(_, names):
    models = [Model(name, name=name, description=name) for name in names]
    catalogue = SimpleNamespace(
        models=models, stale=False, error="", search=lambda *_: models, find=lambda _: models[0] if models else None
    )
    return ModelPicker(
        catalogue, "m", ModelChoices(tuple(names)), toggle=none, providers=nothing, refresh=lambda _: None
    )


def tree(_, names):
    path = messages(names)
    return TreeScreen(path, path[-1].id if path else None, None, lambda: 9e9)


def compare(chat, names):
    siblings = messages(names or NAMES[:1])[1:3]
    return CompareScreen(siblings, (0, 1), "a0", palette(THEME), lambda _: None)


def inspector(_, names):
    answers = [stored for stored in messages(names or NAMES[:1]) if isinstance(stored.message, AssistantMessage)]
    return InspectorScreen(answers, 0, nothing, none, lambda _: "", lambda _: "")


def settings(_, names):
    scopes = Scopes(session=tuple(("user", name) for name in names[:1]))
    return SettingsScreen(scopes, lambda *_: "".join(names[:2]), none, none, model="".join(names[:4]))


async def sessions(chat, names):
    store = chat.workspace.store
    for name in names:
        session = await store.create(model=name, server="x", system=None)
        await store.append(session.id, None, UserMessage(name, 1.0))
    screen = SessionScreen(store, SessionListOptions(), now=lambda: 9e9)
    await screen.read()
    return screen


def report(_, names):
    return TextDialog("".join(names[:1]), lambda _: [ReportLine(name) for name in names])


def secret(_, names):
    return SecretPrompt("".join(names[:1]), "".join(names[:2]), none)


def tokens(_, names):
    return LogprobsScreen([Token(name, 0.1, tuple((other, 0.1) for other in names)) for name in names or NAMES[-2:]])


DIALOGS = (pick, pick_model, tree, compare, inspector, settings, sessions, report, secret, tokens)


async def test_nothing_breaks_them_and_nothing_raw_is_painted(tmp_path):
    async with window(tmp_path, None, size=SIZES[0]) as pilot:
        chat = pilot.app.screen
        for number, (dialog, names) in enumerate(product(DIALOGS, ((), NAMES))):
            made = dialog(chat, names)
            screen = await made if isawaitable(made) else made
            pilot.app.push_screen(screen)
            await pilot.press(*KEYS)
            assert not CONTROL.search("".join(screen_rows(pilot.app))), dialog
            # Each is resized while it is open; every second one from wide to narrow.
            await pilot.resize_terminal(*SIZES[1 - number % 2])
            assert not CONTROL.search("".join(screen_rows(pilot.app))), dialog
            assert pilot.app.screen is screen
            await pilot.press("escape")
            if pilot.app.screen is screen:  # the first one clears what was typed
                await pilot.press("escape")
            assert pilot.app.screen is chat, dialog

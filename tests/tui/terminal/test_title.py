from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.config.file import SETTINGS, Config
from stepchat.demo.server import DemoServer
from stepchat.messages import AssistantMessage, StoredMessage, Timing
from stepchat.tui.terminal.title import NOTIFICATIONS, notification, notify_answer_ready, took_long
from tests.tui.window import ask, branch, open_session, wait_until, window


@given(st.sampled_from(sorted(NOTIFICATIONS)), st.text())
def test_nothing_in_a_title_ends_the_sequence_or_begins_another(how, title):
    begin, _, end = NOTIFICATIONS[how].partition("{text}")
    shown = notification(how, title)
    inside = shown.removeprefix(begin).removesuffix(end)
    assert shown == begin + inside + end
    assert not {"\x1b", "\x07", "\x9c", ";", "\n", "\u202e"} & set(inside)
    assert len(inside) < 90


def test_tmux_hands_it_on():
    assert notification("osc9", "a", in_tmux=True) == ("\x1bPtmux;\x1b\x1b]9;stepchat: “a” has its answer\x07\x1b\\")


@pytest.mark.parametrize(
    ("how", "wanted"),
    [("bell", ["\a"]), ("off", []), ("osc777", ["\x1b]777;notify;stepchat;“a” has its answer\x07"])],
)
def test_the_setting_says_how(how, wanted):
    written: list[str] = []
    driver = SimpleNamespace(write=written.append)
    notify_answer_ready(
        SimpleNamespace(bell=lambda: written.append("\a"), _driver=driver, is_headless=False), how, "a", {}
    )
    assert written == wanted
    assert how in next(setting.choices for setting in SETTINGS if setting.name == "notify")


def test_only_a_long_turn_is_worth_it():
    def path(**timing):
        return [StoredMessage("a", "s", None, AssistantMessage(timing=Timing(1.0, **timing)))]

    assert [took_long(path(ended=61.0)), took_long(path(ended=2.0)), took_long(path()), took_long([])] == [
        True, False, False, False
    ]  # fmt: skip


async def test_who_looks_at_the_window_is_not_called(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, config=Config(notify="bell")) as pilot:
            chat, rung = pilot.app.screen, []
            pilot.app.bell = lambda: rung.append(True)
            await ask(pilot, "demo:haiku")
            stored = branch(pilot)[-1]
            long = StoredMessage(
                stored.id, stored.session, stored.parent, AssistantMessage(timing=Timing(1.0, ended=99.0))
            )
            conversation = SimpleNamespace(
                session=open_session(pilot), path=[long], workspace=chat.conversation.workspace
            )
            chat._call_back(conversation)
            chat.go_behind()
            chat._call_back(chat.conversation)
            await pilot.pause(0.05)
            assert rung == []
            chat._call_back(conversation)
            await wait_until(pilot, lambda: rung == [True])

"""A page of the manual in the window."""

from __future__ import annotations

import pytest

from stepchat.config.file import Config
from stepchat.manual import TOPICS
from stepchat.tui.commands import complete
from tests.tui.screen import screen_text
from tests.tui.window import say, wait_until, window


@pytest.mark.parametrize("size", [(60, 16), (100, 30)])
async def test_help_with_a_topic_shows_the_page_and_tab_the_next(tmp_path, size):
    async with window(tmp_path, None, size=size) as pilot:
        await say(pilot, "/help keys")
        shown = await wait_until(pilot, "Manual: keys")
        assert "Every key can be changed" in shown
        await pilot.press("tab")
        await wait_until(pilot, "Manual: commands")
        await pilot.press("q")
        await wait_until(pilot, lambda: "Manual" not in screen_text(pilot.app))


async def test_words_are_found_in_the_page(tmp_path):
    async with window(tmp_path, None, size=(80, 20)) as pilot:
        await say(pilot, "/help commands")
        await wait_until(pilot, "Manual: commands")
        await pilot.press("slash", *"/quit")
        await wait_until(pilot, "1/")
        assert "starts with /" not in screen_text(pilot.app)
        await pilot.press("enter", "g")
        await wait_until(pilot, "starts with /")
        await pilot.press("slash", *"nosuchword")
        await wait_until(pilot, "no matches")
        await pilot.press("escape")
        assert "Manual: commands" in screen_text(pilot.app)
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Manual" not in screen_text(pilot.app))


async def test_the_page_shows_the_keys_in_force(tmp_path):
    config = Config(keys={"reasoning": ["f9", "leader 9"]})
    async with window(tmp_path, None, size=(100, 40), config=config) as pilot:
        await say(pilot, "/help reasoning")
        assert "Ctrl+T" not in await wait_until(pilot, "F9")


async def test_a_topic_that_does_not_exist_is_refused_with_the_list(tmp_path):
    async with window(tmp_path, None, size=(100, 30)) as pilot:
        await say(pilot, "/help nothing")
        await wait_until(pilot, "troubleshooting")


def test_topics_are_completed():
    assert [offer.text for offer in complete("/help ", None)] == [f"/help {topic.name}" for topic in TOPICS]

"""Choosing a theme, and following the terminal's background."""

from __future__ import annotations

import os

from textual.events import AppFocus

from stepchat.config.file import Config
from stepchat.tui.app import prepare
from stepchat.tui.terminal.driver import HandoverDriver
from tests.tui.window import say, wait_until, window, workspace


def reported(*, is_light: bool) -> HandoverDriver.BackgroundReported:
    return HandoverDriver.BackgroundReported(is_light=is_light)


async def test_until_one_is_chosen_the_theme_follows_the_terminal(tmp_path):
    async with window(tmp_path, None) as pilot:
        app = pilot.app
        assert (app.theme_choice, app.theme) == ("auto", "dark")
        app.post_message(reported(is_light=True))
        await wait_until(pilot, lambda: app.theme == "light")
        app.post_message(reported(is_light=False))
        await wait_until(pilot, lambda: app.theme == "dark")
        app.post_message(reported(is_light=True))
        await wait_until(pilot, lambda: app.theme == "light")
        assert b"252;251;249" in app.workspace.paths.first_frame.read_bytes()  # its background, in the next first frame
    # The next start begins with the background that was reported last.
    async with window(tmp_path, None) as pilot:
        opening = await prepare(pilot.app.workspace, lambda _: None)
        assert opening.theme.name == "light"
        await say(pilot, "/theme paper")
        await wait_until(pilot, lambda: pilot.app.theme == "paper")
        pilot.app.post_message(reported(is_light=False))
        await pilot.pause()
        assert pilot.app.theme == "paper"


async def test_the_list_of_themes_shows_each_and_escape_brings_the_old_one_back(tmp_path):
    async with window(tmp_path, None) as pilot:
        await say(pilot, "/theme")
        await wait_until(pilot, "follows the terminal's background")
        await pilot.press(*"gruvbox-l")
        await wait_until(pilot, lambda: pilot.app.theme == "gruvbox-light")
        await pilot.press("escape")
        await wait_until(pilot, lambda: pilot.app.theme == "dark")
        await say(pilot, "/theme")
        await wait_until(pilot, "follows the terminal's background")
        await pilot.press(*"tokyo", "enter")
        await wait_until(pilot, lambda: pilot.app.theme_choice == "tokyo-night")
        assert await pilot.app.workspace.store.setting("theme") == "tokyo-night"


async def test_a_theme_of_the_user_is_read_again_when_its_file_has_changed(tmp_path):
    async with window(tmp_path, None) as pilot:
        own = pilot.app.workspace.paths.user_themes / "mine.toml"
        own.parent.mkdir(parents=True, exist_ok=True)
        colours = "\n".join(
            f'{key} = "#808080"'
            for key in ("surface", "text", "dim", "rule", "accent", "reasoning", "success", "warning", "error")
        )
        source = f'name = "mine"\ndark = true\n[colors]\nbackground = "#101010"\n{colours}\n'
        own.write_text(source)
        await say(pilot, "/theme mine")
        await wait_until(pilot, lambda: pilot.app.theme == "mine")
        own.write_text(source.replace("#101010", "#202020"))
        os.utime(own, (1, 1))
        pilot.app.post_message(AppFocus())
        await wait_until(pilot, lambda: pilot.app.screen.styles.background.hex == "#202020")


async def test_an_unknown_theme_is_reported_in_the_window(tmp_path):
    place = await workspace(tmp_path, None, config=Config(theme="gruvbx"))
    problems = []
    opening = await prepare(place, problems.append)
    await place.close()
    assert opening.theme.name == "dark"
    async with window(tmp_path, None) as pilot:
        pilot.app.start_problems = problems
        pilot.app.on_ready()
        await wait_until(pilot, "No theme named 'gruvbx'.")

from __future__ import annotations

from stepchat.config.file import read_config
from tests.tui.screen import screen_text
from tests.tui.window import wait_until, window


async def test_mistakes_in_the_config_are_reported_in_the_window(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("modle = 'x'\nnotify = 5\n")
    async with window(tmp_path, None, config=read_config(path)) as pilot:
        await wait_until(pilot, lambda: "modle is not a setting" in " ".join(screen_text(pilot.app).split()))
        assert "1 more: stepchat config check" in " ".join(screen_text(pilot.app).split())

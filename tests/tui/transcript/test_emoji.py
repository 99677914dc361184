from stepchat.tui.terminal.driver import HandoverDriver
from tests.transcript.chat import answered, asked
from tests.tui.screen import screen_text
from tests.tui.window import wait_until, window

FAMILY = "👨‍👩‍👧‍👦"


async def test_emoji_are_whole_once_the_terminal_reports_that_it_draws_them_so(tmp_path):
    async with window(tmp_path, None) as pilot:
        pilot.app._handover.joins_emoji = False
        chat = pilot.app.screen
        chat.set_palette(chat.view._palette)
        chat.view.show([asked("Who?"), answered(f"{FAMILY} it is.")])
        await wait_until(pilot, "it is.")
        assert FAMILY not in screen_text(pilot.app)
        pilot.app._handover.joins_emoji = True
        pilot.app.post_message(HandoverDriver.EmojiJoined())
        await wait_until(pilot, FAMILY)

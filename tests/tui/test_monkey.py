"""No key, mouse event, paste, resize or reply of the terminal ends the window."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest
from textual.events import Key, MouseDown, MouseEvent, MouseMove, MouseScrollDown, MouseScrollUp, MouseUp, Resize
from textual.geometry import Size

from stepchat.chat.crash_report import summary
from stepchat.demo.server import DemoServer
from stepchat.tui.composer.prompt import Prompt
from stepchat.tui.terminal.driver import deliver, kept_messages, let_settle
from stepchat.tui.terminal.input import TerminalInput
from tests.tui.window import ask, branch, busy, draft, open_session, say, wait_until, window, write

pytestmark = pytest.mark.usefixtures("short_pauses")

TEXTS = ["", "one line", "first\nsecond", "\n", "one\n"]
PROMPT_KEYS = sorted(
    {key for binding in Prompt._merge_bindings().key_to_bindings.values() for key in (each.key for each in binding)}
)
DIALOGS = [
    "/help", "/sessions", "/model", "/settings", "/tree", "/inspect", "/usage", "/links", "/compare", "/tokens", "/login",
    "/theme", "/preset", "/profile", "/effort", "/palette",
]  # fmt: skip


@pytest.fixture(scope="module")
def server():
    with DemoServer(speed=0) as running:
        yield running


@pytest.mark.parametrize("text", TEXTS, ids=repr)
async def test_every_key_of_the_prompt_at_each_end_of_any_text(tmp_path, server, text):
    async with window(tmp_path, server) as pilot:
        prompt = pilot.app.screen.prompt
        for key in sorted(set(PROMPT_KEYS) - {"ctrl+d"}):  # which quits on an empty prompt
            for at_end in (True, False):
                prompt.load_text(text)
                prompt.move_cursor(prompt.document.end if at_end else (0, 0))
                pilot.app.post_message(Key(key, None))
                await pilot.pause(0)
        assert pilot.app.is_running


@pytest.mark.parametrize("command", DIALOGS)
async def test_every_key_of_a_dialog_on_any_text(tmp_path, server, command):
    async with window(tmp_path, server) as pilot:
        app, chat = pilot.app, pilot.app.screen
        await ask(pilot, "demo:haiku")
        for size in ((100, 30), (5, 3), (1, 1)):
            await pilot.resize_terminal(*size)
            await say(pilot, command)
            await pilot.pause(0.05)
            for text in ("", "x", "[b]x{y}"):
                for key in sorted({*app.screen._bindings.key_to_bindings, *PROMPT_KEYS} - {"escape", "ctrl+q"}):
                    if app.screen is chat:
                        break
                    field = app.screen.query("Input")
                    if field:
                        field.first().value = text
                    app.post_message(Key(key, None))
                    await pilot.pause(0)
            while app.screen is not chat:
                await pilot.press("escape")
            write(pilot, "")
            await pilot.pause(0.02)


@pytest.mark.parametrize("keys", [b"\x0b", b"\x18", b"a\r\x1b[107;6u", b"\x1b[Z\x0b", b"demo:long\r\x0b\x18"])
async def test_killing_and_cutting_on_an_empty_last_line(tmp_path, server, keys):
    async with window(tmp_path, server) as pilot:
        await type_at(pilot.app, list(kept_messages([keys], TerminalInput())))
        await pilot.pause(0.1)


async def type_at(app, messages) -> None:
    """Deliver what a terminal sends, as the driver does."""
    driver, stopped = app._driver, threading.Event()
    await asyncio.to_thread(deliver, messages, driver.process_message, lambda: let_settle(app, driver._loop, stopped))


def inputs() -> list[bytes]:
    """Keys, replies of the terminal, pastes, commands and questions."""
    return [
        *(key.encode() for key in "abyjkxgG19 /.?@[]"), b"\r", b"\t", b"\x1b", b"\x7f", b"\x0a",
        *(bytes([code]) for code in range(1, 27) if code not in {4, 17, 26}),
        *(b"\x1b" + bytes([code]) for code in range(97, 123)),
        *(b"\x1b[" + end for end in (b"A", b"B", b"C", b"D", b"H", b"F", b"Z", b"I", b"O", b"3~", b"5~", b"6~", b"1;3A", b"1;3B",
          b"1;5H", b"1;5F", b"1;2A", b"1;2B", b"1;2D", b"107;6u", b"97:65;2;65u", b"99999999;5u", b"?62;22c", b"<32;NaN;NaNM")),
        *(f"\x1b[{code}~".encode() for code in (11, 12, 13, 14, 15)),
        b"\x1b]11;rgb:0/0/0\x07", b"\x1bP>|x\x1b\\", b"\x1b[200~pasted\x1b[31m\rtext\x1b[201~", "漢字👩‍👩‍👧é".encode(),
        b"/", b"/help\r", b"/sessions\r", b"/model\r", b"/settings\r", b"/tree\r", b"/usage\r", b"/inspect\r", b"demo:haiku\r",
        b"demo:table\r", b"/new\r", b"/fork\r", b"/theme\r", b"demo:tools\r", b"/tools\r", b"/schema name, age int\r",
        b"/prompts\r", b"/attach\r", b"/compare\r", b"/queue\r", b"@",
    ]  # fmt: skip


async def stay(*_: object) -> None:
    """Instead of the end: the palette and a second Ctrl+C can quit."""


async def monkey(tmp_path, server, steps: int, seed: int) -> None:
    """Random input at random sizes; what would leave the program, or stop it, is left out."""
    rnd = random.Random(seed)
    async with window(tmp_path, server) as pilot:
        app = pilot.app
        terminal = TerminalInput()

        app._end, pieces = stay, inputs()
        for _ in range(steps):
            kind = rnd.random()
            width, height = app.size
            if kind < 0.8:
                await type_at(app, [*terminal.feed(rnd.choice(pieces)), *terminal.tick()])
            elif kind < 0.95:
                x, y = rnd.randrange(-1, width + 2), rnd.randrange(-1, height + 2)
                event: type[MouseEvent] = rnd.choice([MouseDown, MouseUp, MouseMove, MouseScrollUp, MouseScrollDown])
                app._driver.process_message(
                    event(
                        None,
                        x,
                        y,
                        rnd.randrange(-3, 4),
                        rnd.randrange(-3, 4),
                        rnd.choice([0, 1, 3]),
                        False,
                        False,
                        False,
                        x,
                        y,
                    )
                )
            else:
                size = Size(
                    *rnd.choice([(1, 1), (2, 2), (5, 3), (20, 4), (60, 16), (100, 30), (200, 60), (1, 40), (90, 1)])
                )
                app._driver.process_message(Resize(size, size))
            await pilot.pause(0)
            assert not app.faults, (seed, app.faults)
            assert app.is_running


@pytest.mark.parametrize("seed", range(4))
async def test_a_monkey_finds_nothing(tmp_path, server, seed):
    await monkey(tmp_path, server, 500, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
async def test_a_patient_monkey_finds_nothing(tmp_path, server, seed):
    await monkey(tmp_path, server, 5000, seed)


async def test_an_exception_that_nothing_catches_is_a_notice_with_a_report(tmp_path, server):
    async with window(tmp_path, server, faults=True) as pilot:
        chat = pilot.app.screen
        await ask(pilot, "demo:haiku")

        def faulty():
            raise KeyError("sk-or-test")

        write(pilot, "kept")
        chat.prompt.call_later(faulty)
        shown = await wait_until(pilot, "An internal error occurred; stepchat continues: KeyError")
        assert "sk-or-test" not in shown
        assert draft(pilot) == "kept"
        (report,) = tmp_path.glob("crash-*.txt")
        assert report.stat().st_mode & 0o777 == 0o600
        text = report.read_text()
        assert "KeyError" in text
        assert "faulty" in text
        assert "sk-or-test" not in text
        write(pilot, "")
        assert "demo:haiku again" in await ask(pilot, "demo:haiku again")


async def test_an_exception_that_comes_again_and_again_ends_it_and_marks_the_answer_as_interrupted(tmp_path, server):
    with pytest.raises(ZeroDivisionError):
        async with window(tmp_path, server, faults=True) as pilot:
            chat = pilot.app.screen
            store = chat.workspace.store
            await say(pilot, "demo:slow wait=20")
            await wait_until(pilot, lambda: bool(branch(pilot)))

            session = open_session(pilot).id
            for _ in range(6):
                chat.prompt.call_later(lambda: 1 / 0)
                await asyncio.sleep(0.01)
            await wait_until(pilot, lambda: not busy(pilot))
            assert pilot.app.return_code == 1
            path = await store.path(session)
            assert (path[0].message.text, path[1].message.stop) == ("demo:slow wait=20", "cut")


def test_the_summary_of_an_exception_names_the_place():
    with pytest.raises(ValueError, match="odd") as caught:
        raise ValueError("odd")
    assert summary(caught.value).startswith("ValueError: odd (test_monkey.py:")

from __future__ import annotations

from stepchat.events import Delta
from stepchat.transcript.overlays.selection import Selection
from stepchat.tui.transcript.mouse import MouseSelection
from tests.transcript.chat import answered, asked, page, shown
from tests.tui.screen import screen_cells, screen_rows
from tests.tui.transcript.test_view import settled, window
from tests.tui.window import draft, wait_until, write
from tests.tui.window import window as chat_window

LONG = "\n\n".join(f"Paragraph {number} with some words." for number in range(60))


def place(pilot, text):
    return next((row.index(text), y) for y, row in enumerate(screen_rows(pilot.app)) if text in row)


async def drag(pilot, first, last):
    view = pilot.app.screen.query_one("TranscriptView")
    await pilot.mouse_down(view, offset=first)
    await pilot.hover(view, offset=last)
    await pilot.mouse_up(view, offset=last)
    await pilot.pause()


async def test_dragging_selects_and_copies():
    async with window(asked(), answered("Alpha beta gamma.\n\nDelta.")) as pilot:
        await drag(pilot, place(pilot, "beta"), place(pilot, "lta."))
        assert pilot.app.view.overlays.selection.text() == "beta gamma.\n\nDel"
        column, row = place(pilot, "beta")
        styles = [cell.style.reverse for cell in screen_cells(pilot.app, row)[column - 1 : column + 10]]
        assert not styles[0]
        assert all(styles[1:])
        pilot.app.view.clear_selection()
        await pilot.pause()
        assert not any(cell.style.reverse for cell in screen_cells(pilot.app, row))


async def test_two_presses_take_a_word_and_three_a_block():
    async with window(answered("Alpha beta gamma.")) as pilot:
        view = pilot.app.view
        view._clock = lambda: 5.0
        at = place(pilot, "eta")
        await pilot.click(view, offset=at)
        assert not view.overlays.selection
        await pilot.click(view, offset=at)
        assert view.overlays.selection.text() == "beta"
        await pilot.click(view, offset=at)
        assert view.overlays.selection.text() == "Alpha beta gamma."
        await pilot.click(view, offset=at)
        assert not view.overlays.selection


async def test_at_the_edge_the_page_scrolls_and_the_selection_grows():
    async with window(asked(), answered(LONG)) as pilot:
        view = pilot.app.view
        first = place(pilot, "59 with")
        await pilot.mouse_down(view, offset=first)
        await pilot.hover(view, offset=(4, 0))
        await settled(pilot, lambda: "Paragraph 35 with" in "\n".join(screen_rows(pilot.app)))
        await pilot.mouse_up(view, offset=(4, 0))
        await pilot.pause()
        copied = view.overlays.selection.text().split("\n\n")
        assert copied[-2:] == ["Paragraph 58 with some words.", "Paragraph 5"]
        assert len(copied) > 20


async def test_drag_that_ends_on_a_header_does_not_fold_it():
    async with window(asked(), answered("Short.", "Thought.\n")) as pilot:
        header = place(pilot, "Thought for")
        await drag(pilot, place(pilot, "hort"), header)
        assert pilot.app.folded == []
        assert pilot.app.view.overlays.selection


async def test_ctrl_c_and_escape_belong_to_the_selection_first(tmp_path):
    async with chat_window(tmp_path, None) as pilot:
        screen = pilot.app.screen
        screen.view.show([asked("Some words here")])
        write(pilot, "unsent")
        await wait_until(pilot, "Some words here")
        await drag(pilot, place(pilot, "words"), place(pilot, " here"))
        await wait_until(pilot, " 5 characters")
        assert pilot.app.clipboard == "words"
        pilot.app.copy_to_clipboard("something else")
        await pilot.press("ctrl+c")
        assert pilot.app.clipboard == "words"
        assert draft(pilot) == "unsent"
        await pilot.press("escape")
        assert not screen.view.overlays.selection
        await pilot.press("ctrl+c")
        assert draft(pilot) == ""


async def test_copy_command_takes_the_selection(tmp_path):
    async with chat_window(tmp_path, None) as pilot:
        screen = pilot.app.screen
        screen.view.show([asked("Some words here")])
        await wait_until(pilot, "Some words here")
        await drag(pilot, place(pilot, "words"), place(pilot, " here"))
        pilot.app.copy_to_clipboard("")
        write(pilot, "/copy selection")
        await pilot.press("enter")
        await wait_until(pilot, lambda: pilot.app.clipboard == "words")


async def test_two_clicks_on_the_label_of_code_copy_the_code_as_one_does(tmp_path):
    async with chat_window(tmp_path, None) as pilot:
        screen = pilot.app.screen
        screen.view.show([answered("```python\nx = 1\n```")])
        await wait_until(pilot, "python")
        for _ in range(2):
            pilot.app.copy_to_clipboard("")
            await pilot.click(screen.view, offset=place(pilot, "python"))
            await wait_until(pilot, lambda: pilot.app.clipboard == "x = 1")
        assert not screen.view.overlays.selection


async def test_click_on_copy_copies_the_code(tmp_path):
    async with chat_window(tmp_path, None) as pilot:
        screen = pilot.app.screen
        screen.view.show([answered("```python\nx = 1\n\n\ty\n```\n\nAnd:\n\n```\nlast\n```")])
        await wait_until(pilot, "python")
        await pilot.click(screen.view, offset=place(pilot, "copy"))
        await wait_until(pilot, lambda: pilot.app.clipboard == "x = 1\n\n\ty")
        write(pilot, "/copy code")
        await pilot.press("enter")
        await wait_until(pilot, lambda: pilot.app.clipboard == "last")


async def test_a_click_on_a_link_shows_where_it_leads_and_opens_nothing(tmp_path):
    async with chat_window(tmp_path, None) as pilot:
        screen = pilot.app.screen
        screen.view.show([answered("Read [the docs](https://docs.example/a/b?c=d) first.")])
        await wait_until(pilot, "the docs")
        await pilot.click(screen.view, offset=place(pilot, "docs"))
        shown = await wait_until(pilot, "https://docs.example/a/b?c=d")
        assert "Open in the browser" in shown
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Open it" not in "\n".join(screen_rows(pilot.app)))
        await pilot.click(screen.view, offset=place(pilot, "first"))
        await pilot.click(screen.view, offset=place(pilot, "docs"))
        await wait_until(pilot, "Copy the address")
        await pilot.press("enter")
        await wait_until(pilot, lambda: pilot.app.clipboard == "https://docs.example/a/b?c=d")


class Timer:
    stopped = False

    def stop(self):
        self.stopped = True


def mouse_over(viewport):
    """A mouse, and the timers that it starts."""
    timers = []

    def start(_seconds, _do):
        timers.append(Timer())
        return timers[-1]

    shown(viewport)
    return MouseSelection(Selection(viewport.document), viewport, lambda _: None), start, timers


def test_a_release_ends_the_scrolling():
    mouse, start, timers = mouse_over(page(answered(LONG)))
    mouse.press(5, 5, 0.0)
    mouse.move(5, 30, start)
    mouse.move(6, 30, start)
    assert len(timers) == 1
    mouse.release()
    assert timers[0].stopped


def test_what_a_click_would_do_is_not_done_by_a_double_one():
    mouse, start, timers = mouse_over(page(answered("Read [the docs](https://docs.example/a).")))
    mouse.press(12, 1, 0.0)
    mouse.release()
    mouse.on_single_click(lambda: None, start)
    assert not timers[0].stopped
    mouse.press(12, 1, 0.2)
    assert timers[0].stopped
    assert mouse.release()  # the word instead


async def test_nothing_moves_under_the_mouse_while_text_comes():
    async with window(asked()) as pilot:
        view = pilot.app.view
        view.begin_answer(model="m")
        view.feed(Delta(text=LONG))
        await pilot.pause()
        before = screen_rows(pilot.app)
        at = place(pilot, "Paragraph 50")
        await pilot.mouse_down(view, offset=at)
        view.feed(Delta(text="\n\nAnd more.\n\nAnd more."))
        await settled(pilot, lambda: not view._scheduler._unseen)
        assert screen_rows(pilot.app)[: at[1]] == before[: at[1]]
        await pilot.hover(view, offset=(at[0] + 8, at[1]))
        await pilot.mouse_up(view, offset=(at[0] + 8, at[1]))
        assert view.overlays.selection.text() == "Paragraph"
        assert not view.follow


async def test_a_click_does_not_let_go_of_the_end():
    async with window(asked()) as pilot:
        view = pilot.app.view
        view.begin_answer(model="m")
        view.feed(Delta(text=LONG))
        await pilot.pause()
        await pilot.click(view, offset=place(pilot, "Paragraph 50"))
        assert view.follow

"""The widget that draws the headless transcript, and repaints only changed rows.

It has its own scroll offset and scrollbar and never sets a virtual size, so that growing text causes no layout.
"""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from textual.message import Message
from textual.widget import Widget

from stepchat.concurrency import start_daemon
from stepchat.messages import UserMessage
from stepchat.text.format import short_model
from stepchat.transcript.document import Document
from stepchat.transcript.find.navigator import FindNavigator
from stepchat.transcript.layout import layout
from stepchat.transcript.markdown.highlighting import load_at_once
from stepchat.transcript.overlays import focus
from stepchat.transcript.overlays.overlays import Overlays
from stepchat.transcript.palette import colourless
from stepchat.transcript.viewport import Viewport
from stepchat.tui.keymap import keymap_of
from stepchat.tui.transcript.frame_rate import FrameScheduler, writes_waiting
from stepchat.tui.transcript.mouse import MouseSelection
from stepchat.tui.transcript.painting import RowPainter, Scrollbar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from textual import events
    from textual.geometry import Region
    from textual.strip import Strip
    from textual.timer import Timer

    from stepchat.events import Delta
    from stepchat.messages import StoredMessage
    from stepchat.parameters.budget import ThinkingBudget
    from stepchat.transcript.answer import Estimate
    from stepchat.transcript.document import MessageView
    from stepchat.transcript.labels import NoticeKind
    from stepchat.transcript.palette import Palette

T = TypeVar("T")
_WORK: Final = 0.004
_MAX_WAITING_WRITES: Final = 4
_WHEEL_ROWS: Final = 3


class TranscriptView(Widget):
    """Shows the messages and the streaming answer."""

    DEFAULT_CSS = """
    TranscriptView { height: 1fr; width: 1fr; overflow: hidden hidden; scrollbar-size: 0 0; }
    """
    ALLOW_SELECT: ClassVar[bool] = False

    class ReasoningFolded(Message):
        """The user folded or opened a reasoning panel; `message_id` is None for an answer that is not stored."""

        def __init__(self, message_id: str | None, folded: bool) -> None:  # noqa: FBT001 - the message is about it
            super().__init__()
            self.message_id = message_id
            self.folded = folded

    class CopyWanted(Message):
        """The user selected this text with the mouse, or clicked a copy badge."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class LinkChosen(Message):
        """The user clicked a link with this address."""

        def __init__(self, address: str) -> None:
            super().__init__()
            self.address = address

    class MessageChosen(Message):
        """A click focused a message. A click on its version badge also asks for the version `by` steps further."""

        def __init__(self, by: int = 0) -> None:
            super().__init__()
            self.by = by

    def __init__(self, *, id: str | None = None, clock: Callable[[], float] = monotonic) -> None:  # noqa: A002
        super().__init__(id=id)
        self._palette = colourless()
        self._document = Document(
            self._palette, 80, lambda text: keymap_of(self).fill(text), start_loading=self._load_lexer
        )
        self._viewport = Viewport(self._document, 0)
        self.overlays = Overlays(self._document)
        self.finder = FindNavigator(self.overlays.search, self._viewport)
        self._mouse = MouseSelection(self.overlays.selection, self._viewport, self.scroll_lines)
        self._painter = RowPainter(self, self._viewport, self.overlays, self._palette)
        self._clock = clock
        self._timer: Timer | None = None
        self._warm = False
        self._interval = 0.0
        self._scheduler = FrameScheduler()
        self._frame = 0
        self._has_painted = False
        self.reduced_motion = False
        """No spinner."""
        self._dragging: int | None = None
        self.mouse_is_free = False
        """Whether the terminal handles the mouse."""

    # ---- what is shown

    @property
    def document(self) -> Document:
        """The document: to read, and to set how new reasoning is shown."""
        return self._document

    def set_palette(self, palette: Palette) -> None:
        self._palette = palette
        self._painter.set_palette(palette)
        display = getattr(self.app, "text_display", None)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - generic in Textual
        self._document.reset(palette, self._document.layout.width, display)
        self._paint()

    @property
    def live(self) -> bool:
        """Whether an answer is awaited or being written."""
        return self._document.live is not None

    @property
    def follow(self) -> bool:
        """Whether the end stays visible when text is added."""
        return self._viewport.follow

    def show(self, messages: Sequence[StoredMessage]) -> None:
        """Show other messages, and scroll to the end."""
        self._document.show(messages)
        self._viewport.to_end()
        self._paint()

    def show_branch(self, messages: Sequence[StoredMessage], *, focus_on: int | None = None, new: bool = True) -> None:
        """Show another branch, or more of this one; messages in both stay in place. `focus_on` is the index of a message."""
        self._viewport.show_branch(messages)
        if new:
            self.overlays.unread.mark_seen()
        if focus_on is not None:
            self.overlays.focus.choose_in_place(self._viewport, focus_on)
        self._paint()

    def add(self, stored: StoredMessage) -> None:
        """Append a complete message."""
        self._document.add(stored)
        if isinstance(stored.message, UserMessage):
            self._viewport.to_end()
        self._paint()

    def begin_answer(self, *, model: str, as_json: bool = False, think_at_most: ThinkingBudget | None = None) -> None:
        """Show that the first token is awaited."""
        if not self._warm:
            self._warm = True
            self.run_worker(layout.warm_up, thread=True, group="warm-up", exit_on_error=False)
        self._document.begin_answer(
            self._clock(), f"waiting for {short_model(model)}", as_json=as_json, think_at_most=think_at_most
        )
        self._tick()

    def set_waiting(self, text: str) -> None:
        """Change the text beside the spinner."""
        if self._document.live is not None:
            self._document.set_waiting(text)
            self._tick()

    def feed(self, delta: Delta) -> None:
        """Extend the live answer. The first token is painted at once, others at the frame rate."""
        live = self._document.live
        if live is None:
            return
        was = (live.is_waiting, live.has_answer_text)
        now = self._clock()
        self._document.feed(delta, now)
        self._scheduler.arrived(len(delta.text) + len(delta.reasoning))
        if was != (live.is_waiting, live.has_answer_text) or self._scheduler.is_due_at_once(live, now):
            self._tick()
        elif not self._interval:
            self._set_interval()

    def finish_answer(self, stored: StoredMessage) -> None:
        """Replace the live answer with the stored one. Nothing on screen moves."""
        self._document.finish_answer(stored)
        self._paint()

    def abandon_answer(self) -> None:
        """Remove a live answer that was never stored."""
        self._document.abandon_answer()
        self._paint()

    def notice(self, text: str, hint: str = "", *, kind: NoticeKind = "error") -> None:
        """Show what happened and what to do, at the end, until the next message. See Document.notice."""
        self._document.notice(text, hint, kind)
        self._paint()

    def update_answers(self, returned: Mapping[str, str] | None = None, estimate: Estimate | None = None) -> None:
        self._document.update_answers(returned, estimate)
        self._paint()

    # ---- marks

    @property
    def focused_message(self) -> MessageView | None:
        """The message that single keys act on."""
        return self.overlays.focus.message

    @property
    def selected_text(self) -> str:
        return self.overlays.selection.text()

    def clear_selection(self) -> None:
        self.overlays.selection.clear()
        self._paint()

    def set_siblings(self, known: Mapping[str, tuple[int, int]]) -> None:
        """Set the position of each message among its versions, and their number, by message id."""
        self.overlays.siblings.known = known
        self._paint()

    def step_focus(self, by: int) -> bool:
        """Focus the next or the previous message; if none has the focus, one on the screen. False if there is no other."""
        moved = self.overlays.focus.step(self._viewport, by)
        self._paint()
        return moved

    def focus_end(self, *, last: bool) -> None:
        """Focus the first or the last message."""
        self.overlays.focus.end(self._viewport, last=last)
        self._paint()

    def clear_focus(self) -> None:
        self.overlays.focus.clear(self._viewport)
        self._paint()

    def go_to_message(self, by: int) -> None:
        """Scroll to the beginning of the next message, or of this one and then of the previous one."""
        focus.go_to(self._viewport, by)
        self._paint()

    def find(self, act: Callable[[FindNavigator], T]) -> T:
        """Change the search, and paint the result."""
        found = act(self.finder)
        self._paint()
        return found

    # ---- moving

    def scroll_page(self, pages: float) -> None:
        """Scroll down by screens, keeping a row of context; up if negative."""
        self.scroll_lines(round(pages * max(1, self.size.height - 1)))

    def scroll_lines(self, lines: int) -> None:
        self._viewport.scroll(lines)
        self._paint()

    def scroll_home(self, **_: object) -> None:
        """Scroll to the first message."""
        self._viewport.to_start()
        self._paint()

    def scroll_to_end(self) -> None:
        """Scroll to the end, and follow it."""
        self._viewport.to_end()
        self._paint()

    # ---- reasoning panels

    def toggle_reasoning(self) -> None:
        """Fold or open the live reasoning, or the newest that is visible."""
        place = self._viewport.visible_panel()
        if place is not None:
            self.toggle_panel(place)

    def toggle_all_reasoning(self) -> None:
        """Fold all reasoning if any of it is open, otherwise open all of it."""
        for place, folded in self._viewport.toggle_all():
            self.post_fold(place, folded=folded)
        self._paint()

    def toggle_panel(self, place: int) -> None:
        """Fold or open the reasoning or the tool result of a message."""
        self.post_fold(place, folded=self._viewport.toggle(place))
        self._paint()

    def post_fold(self, place: int, *, folded: bool) -> None:
        """Report how the user wants a panel."""
        stored = self._document.messages[place].stored
        self.post_message(self.ReasoningFolded(stored.id if stored else None, folded))

    # ---- mouse

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_lines(_WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_lines(-_WHEEL_ROWS)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        first, end = self._viewport.scrollbar_thumb()
        if event.x < self.size.width - 1 or not end:
            if event.button == 1:
                event.stop()
                self.capture_mouse()
                if self._mouse.press(event.x, event.y, self._clock()):
                    self._paint()
            return
        event.stop()
        self._dragging = event.y - first if first <= event.y < end else (end - first) // 2
        self.capture_mouse()
        self._drag(event.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging is not None:
            event.stop()
            self._drag(event.y)
        elif self._mouse.pressed:
            event.stop()
            if self._mouse.move(event.x, event.y, self.set_interval):
                self._paint()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._dragging is not None:
            event.stop()
            self._dragging = None
            self.release_mouse()
        elif self._mouse.pressed:
            event.stop()
            self.release_mouse()
            if self._mouse.release():
                self.post_message(self.CopyWanted(self.overlays.selection.text()))

    def _drag(self, y: int) -> None:
        self._viewport.drag(y - (self._dragging or 0))
        self._paint()

    def on_click(self, event: events.Click) -> None:
        if self.overlays.selection or event.x >= self.size.width - 1:
            return
        clicked = self.overlays.click_target(self._viewport, event.x, event.y)
        if clicked is None:
            return
        event.stop()
        match clicked.kind:
            case "end":
                self.scroll_to_end()
            case "header":
                self.toggle_panel(clicked.message)
            case "code":
                self.post_message(self.CopyWanted(clicked.text))
            case "link":
                chosen = partial(self.post_message, self.LinkChosen(clicked.text))
                self._mouse.on_single_click(chosen, self.set_timer)
            case "message":
                self.overlays.focus.choose_in_place(self._viewport, clicked.message)
                self._paint()
                self.post_message(self.MessageChosen(clicked.by))

    # ---- frames

    def _tick(self) -> None:
        """Paint a frame."""
        now = self._clock()
        if writes_waiting(self) >= _MAX_WAITING_WRITES:
            self._set_interval()
            return
        self._scheduler.painted(now)
        self._frame += 1
        self._viewport.update_live(now, None if self.reduced_motion else self._frame)
        if self._document.layout.has_work:
            self._document.layout.work(_WORK)
        self._paint()
        self._set_interval()

    def _on_timer(self) -> None:
        """Paint a frame if there is something new, and none was just painted."""
        if not self._scheduler.has_work(self._document):
            self._set_interval()
        elif self._scheduler.is_due(self._clock(), self._interval):
            self._tick()

    def _set_interval(self) -> None:
        """Run one timer, as fast as anything on screen changes; none if nothing does."""
        interval = self._scheduler.interval(self._document)
        if interval != self._interval and self.is_mounted:
            if self._timer is not None:
                self._timer.stop()
            self._interval = interval
            self._timer = self.set_interval(interval, self._on_timer) if interval else None

    # ---- painting

    def on_resize(self) -> None:
        width, height = self.size
        if width < 2 or not height:
            return
        viewport, document = self._viewport, self._document
        at_end = viewport.follow
        viewport.height = height
        if width - 1 != document.layout.width:
            document.reset(self._palette, width - 1)
        if not self.overlays.focus.keep_in_view(viewport) and at_end:
            viewport.to_end()
        self._paint()

    def _paint(self) -> None:
        self._painter.update()
        self._has_painted = self._has_painted or self._viewport.height > 0
        self._set_interval()

    def _load_lexer(self, load: Callable[[], None]) -> Future[None]:
        """In a thread, but not before the first paint: code would be plain first, and then coloured."""
        return (start_daemon if self._has_painted else load_at_once)(load)

    def rows_at_rest(self, messages: Sequence[StoredMessage], height: int) -> list[str]:
        """The rows that a new window shows first of these messages, with their colours; "" for a blank one."""
        shown, console = self._document, self.app.console  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        layout = shown.layout
        document = Document(self._palette, layout.width, shown.fill_keys, display=layout.builder.display)
        document.reasoning_view = shown.reasoning_view
        document.update_answers(estimate=shown.estimate)
        document.show(messages)
        viewport = Viewport(document, height)
        viewport.to_end()
        scrollbar = Scrollbar(self._palette)
        rows = scrollbar.add_to(viewport.render(), viewport.scrollbar_thumb())
        blank = scrollbar.add_to([document.layout.builder.blank], (0, 0))[0].render(console)
        return ["" if (row := strip.render(console)) == blank else row for strip in rows]

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows as last painted."""
        if not self._has_painted:
            # Textual may paint before it reports the size; a first frame would lose its text for a moment.
            self.on_resize()
        return self._painter.crop(crop)

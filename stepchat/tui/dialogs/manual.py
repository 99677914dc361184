"""A page of the manual, rendered as an answer is, with the keys of a pager."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stepchat.manual import TOPICS, Topic, read_topic, unwrap
from stepchat.messages import AssistantMessage, StoredMessage
from stepchat.transcript.find.navigator import FindNavigator
from stepchat.tui.dialog_keys import FIND, PAGE, bindings
from stepchat.tui.dialogs.key_hints import KeyHints, keymap_of
from stepchat.tui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from stepchat.transcript.palette import Palette

HINTS: Final = (
    ("manual.find", "find"), ("manual.match-next manual.match-previous", "next, previous"),
    ("page.page-down page.page-up", "scroll"), ("manual.topic-next", "next topic"), ("page.close", "close"),
)  # fmt: skip
FIND_HINTS: Final = (("find.accept", "find"), ("find.close", "cancel"))


class ManualScreen(ModalScreen[None]):
    """Shows a topic; Tab shows the next one."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(FIND, {"accept": "accept_find", "close": "close_find"}),
        *bindings(
            "manual",
            {
                "find": "find",
                "match-next": "match(1)",
                "match-previous": "match(-1)",
                "topic-next": "topic(1)",
                "topic-previous": "topic(-1)",
            },
            priority=False,
        ),
        *bindings(
            PAGE,
            {
                "up": "scroll(-1)",
                "down": "scroll(1)",
                "page-up": "page(-1)",
                "page-down": "page(1)",
                "half-up": "page(-0.5)",
                "half-down": "page(0.5)",
                "first": "end(-1)",
                "last": "end(1)",
                "close": "dismiss(None)",
            },
            priority=False,
        ),
    ]

    def __init__(self, topic: Topic, palette: Palette, copy: Callable[[str], object]) -> None:
        super().__init__()
        self._topic = topic
        self._palette = palette
        self._copy = copy
        self._title = Static(classes="dialog-title", markup=False)
        self._view = TranscriptView(id="manual-page")
        self._words = Input(compact=True, placeholder="Find in this page", id="manual-words")
        self._count = Static(id="manual-count", markup=False)
        self._find = Horizontal(self._words, self._count, id="manual-find")
        self._hints = KeyHints(HINTS)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide", id="manual"):
            yield self._title
            yield self._view
            yield self._find
            yield self._hints

    def on_mount(self) -> None:
        self._find.display = False
        self._view.set_palette(self._palette)
        self._show()

    def _show(self) -> None:
        keymap = keymap_of(self)
        text = unwrap(read_topic(self._topic, keys=lambda name, _default: keymap.labels(name)))
        self._title.update(f"Manual: {self._topic.name}")
        self._view.find(FindNavigator.leave)
        self._view.show([StoredMessage("manual", "", None, AssistantMessage(text))])
        self._view.overlays.unread.mark_seen()
        self._view.scroll_home()
        self._find.display = False

    # ---- moving

    def action_scroll(self, rows: int) -> None:
        self._view.scroll_lines(rows)

    def action_page(self, pages: float) -> None:
        self._view.scroll_page(pages)

    def action_end(self, by: int) -> None:
        if by < 0:
            self._view.scroll_home()
        else:
            self._view.scroll_to_end()

    def action_topic(self, by: int) -> None:
        self._topic = TOPICS[(TOPICS.index(self._topic) + by) % len(TOPICS)]
        self._show()

    def on_transcript_view_copy_wanted(self, event: TranscriptView.CopyWanted) -> None:
        event.stop()
        self._copy(event.text)

    # ---- finding

    def action_find(self) -> None:
        self._find.display = True
        self._words.value = ""
        self._words.focus()
        self._hints.set_hints(FIND_HINTS)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._view.find(lambda finder: finder.search_for(event.value))
        while not self._view.finder.search.is_done:
            self._view.find(lambda finder: finder.continue_search(1))
        self._show_count()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:  # noqa: ARG002 - Textual's signature
        return self._words.has_focus or not action.endswith("_find")

    def action_accept_find(self) -> None:
        self._close_field()
        self.action_match(0)

    def action_close_find(self) -> None:
        self._view.find(FindNavigator.leave)
        self._close_field()

    def action_match(self, by: int) -> None:
        self._view.find(lambda finder: finder.step(by))
        self._show_count()

    def _close_field(self) -> None:
        self._find.display = bool(self._view.finder.search.total)
        self.set_focus(None)
        self._hints.set_hints(HINTS)

    def _show_count(self) -> None:
        search = self._view.finder.search
        self._count.update(
            f"{search.number}/{search.total}" if search.number else "no matches" if self._words.value else ""
        )

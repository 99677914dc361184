"""A page of the manual, rendered as an answer is, with the keys of a pager."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.containers import Vertical
from textual.widgets import Static

from stepchat.manual import TOPICS, Topic, read_topic, unwrap
from stepchat.messages import AssistantMessage, StoredMessage
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.page import PageDialog, scroll_view, search_view
from stepchat.tui.keymap import keymap_of
from stepchat.tui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from stepchat.transcript.palette import Palette
    from stepchat.tui.dialogs.page import PageStep

HINTS: Final = (
    ("page.find", "find"), ("page.match-next page.match-previous", "next, previous"),
    ("page.page-down page.page-up", "scroll"), ("manual.topic-next", "next topic"), ("page.close", "close"),
)  # fmt: skip


class ManualScreen(PageDialog[None]):
    """Shows a topic; Tab shows the next one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        "manual", {"topic-next": "topic(1)", "topic-previous": "topic(-1)"}
    )

    def __init__(self, topic: Topic, palette: Palette, copy: Callable[[str], object]) -> None:
        super().__init__(HINTS)
        self._topic = topic
        self._palette = palette
        self._copy = copy
        self._title = Static(classes="dialog-title", markup=False)
        self._view = TranscriptView(id="manual-page")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide", id="manual"):
            yield self._title
            yield self._view
            yield self.find_line
            yield self.hints

    def on_mount(self) -> None:
        self._view.set_palette(self._palette)
        self._show()

    def _show(self) -> None:
        keymap = keymap_of(self)
        text = unwrap(read_topic(self._topic, keys=lambda name, _default: keymap.labels(name)))
        self._title.update(f"Manual: {self._topic.name}")
        self.search("")
        self._view.show([StoredMessage("manual", "", None, AssistantMessage(text))])
        self._view.overlays.unread.mark_seen()
        self._view.scroll_home()
        self.find_line.display = False

    def action_topic(self, by: int) -> None:
        self._topic = TOPICS[(TOPICS.index(self._topic) + by) % len(TOPICS)]
        self._show()

    def on_transcript_view_copy_wanted(self, event: TranscriptView.CopyWanted) -> None:
        event.stop()
        self._copy(event.text)

    # ---- moving and finding

    def scroll_by(self, step: PageStep) -> None:
        scroll_view(self._view, step)

    def search(self, words: str) -> None:
        search_view(self._view, words)

    def go_to_match(self, by: int) -> None:
        self._view.find(lambda finder: finder.step(by))

    def matches(self) -> tuple[int, int]:
        search = self._view.finder.search
        return search.number, search.total

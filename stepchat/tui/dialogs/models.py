"""Choose a model: fuzzy search over the catalogue, favourites and recent ones on top, details below."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stepchat.text import fuzzy
from stepchat.tui import workers
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.dialogs.list_view import LOW, MOVES, VirtualList
from stepchat.tui.dialogs.model_rows import detail, heading, provider_lines, row

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual import events
    from textual.app import ComposeResult

    from stepchat.catalogue.catalogue import Catalogue
    from stepchat.catalogue.models import Model
    from stepchat.chat.favourites import ModelChoices
    from stepchat.errors import StepchatError
    from stepchat.servers.api import Provider
    from stepchat.tui.dialogs.list_view import Piece, Step

KEYS = (("Enter", "take it"), ("Tab", "providers"), ("^F", "favourite"), ("F5", "new list"), ("Esc", "close"))
_HIGH = 30
"""Rows from which there is room for all of them."""


class ModelPicker(ModalScreen[str | None]):
    """Returns the model's name; also one that was typed and is in no list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", show=False),
        *MOVES,
        Binding("tab", "providers", show=False, priority=True),
        Binding("ctrl+f", "favourite", show=False, priority=True),
        Binding("f5", "refresh", show=False, priority=True),
    ]

    def __init__(
        self,
        catalogue: Catalogue,
        current: str,
        choices: ModelChoices,
        *,
        toggle: Callable[[str], Awaitable[ModelChoices]],
        providers: Callable[[str], Awaitable[Sequence[Provider]]],
        refresh: Callable[[Callable[[], None]], None],
    ) -> None:
        """`toggle` keeps or drops a favourite; `refresh` asks for a new list and calls back when it is there."""
        super().__init__()
        self._catalogue = catalogue
        self._current = current
        self._choices = choices
        self._toggle = toggle
        self._providers = providers
        self._refresh = refresh
        self._found: Sequence[Model] = ()
        self._words: Sequence[str] = ()
        self._list = VirtualList(self._line, heading, wraps_around=True)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Static("Models", classes="dialog-title", markup=False)
            yield Input(placeholder="Type to search", compact=True)
            yield self._list
            yield Static("", id="detail", markup=False)
            yield KeyHints(KEYS)

    def on_mount(self) -> None:
        self._show()
        if self._catalogue.stale:
            self._refresh(self._show_again)

    def on_resize(self, event: events.Resize) -> None:
        pane, height = self.query_one("#detail"), event.size.height
        pane.display = height >= LOW
        pane.styles.height = 3 if height < LOW else 4 if height < _HIGH else 7
        self.call_after_refresh(self._describe)

    def on_input_changed(self, _event: Input.Changed) -> None:
        self._show()

    def on_input_submitted(self) -> None:
        self.dismiss(self._highlighted() or self.query_one(Input).value.strip() or None)

    def on_virtual_list_opened(self) -> None:
        self.dismiss(self._highlighted())

    def on_virtual_list_moved(self) -> None:
        self._describe()

    def action_move(self, by: Step) -> None:
        self._list.step(by)

    def action_refresh(self) -> None:
        self._say("Asking the server for its list …")
        self._refresh(self._show_again)

    def action_favourite(self) -> None:
        if slug := self._highlighted():
            workers.run_task(self, partial(self._toggle_now, slug), partial(self._refuse, slug), group="favourite")

    async def _toggle_now(self, slug: str) -> None:
        self._choices = await self._toggle(slug)
        self._show_again()

    def action_providers(self) -> None:
        pane = self.query_one("#detail")
        if pane.display and self.size.height < LOW:
            pane.display = False
        elif slug := self._highlighted():
            pane.display = True
            self._say("Asking who serves it …")
            workers.run_task(
                self, partial(self._ask_providers, slug), partial(self._refuse, slug), group="detail", exclusive=True
            )

    async def _ask_providers(self, slug: str) -> None:
        self._tell(slug, provider_lines(await self._providers(slug), self.query_one("#detail").size.width))

    def _refuse(self, slug: str, error: StepchatError) -> None:
        self._tell(slug, Content.styled(str(error), "$warning"))

    def _tell(self, slug: str, shown: Content) -> None:
        """Of a model, if it is still the one at the cursor."""
        if slug == self._highlighted():
            self.query_one("#detail", Static).update(shown)

    def _highlighted(self) -> str | None:
        return self._found[self._list.cursor].id if self._found else None

    def _show_again(self) -> None:
        """The list as it is now, with the same model chosen."""
        if self.is_attached:
            self._show(self._highlighted())

    def _show(self, keep: str | None = None) -> None:
        typed = self.query_one(Input).value
        self._words = fuzzy.words_of(typed)
        self._found = self._catalogue.search(typed, self._choices.first)
        self._list.empty_text = self._nothing(typed)
        names = [model.id for model in self._found]
        wanted = keep or (self._current if not typed else None)
        self._list.show(len(names), names.index(wanted) if wanted in names else 0)

    def _line(self, index: int, _part: int, width: int) -> list[Piece]:
        model = self._found[index]
        match = fuzzy.match(self._words, model.id)
        places = match.places if match else ()
        favourite = model.id in self._choices.favourites
        return row(model, places, width, favourite=favourite, current=model.id == self._current)

    def _nothing(self, typed: str) -> str:
        if self._catalogue.models:
            return f"Nothing fits. Enter takes “{typed.strip()}” as it is."
        trouble = self._catalogue.error
        return f"There is no list of models yet. {trouble or 'The server is being asked.'}"

    def _describe(self) -> None:
        slug = self._highlighted()
        model = self._catalogue.find(slug) if slug else None
        self.query_one("#detail", Static).update(detail(model) if model else "")

    def _say(self, words: str) -> None:
        self.query_one("#detail", Static).update(Content.styled(words, "$dim"))

"""The model list: fuzzy search over the catalogue, favourites and recent models first, details below."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from stepchat.catalogue.models import format_context_length, format_price_per_million
from stepchat.parameters.table import EFFORTS
from stepchat.text import fuzzy
from stepchat.text.sanitize import sanitize_for_display
from stepchat.text.widths import pad
from stepchat.tui import workers
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.filter_dialog import FilterDialog
from stepchat.tui.dialogs.list_view import LOW, VirtualList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.geometry import Size

    from stepchat.catalogue.catalogue import Catalogue
    from stepchat.catalogue.models import Model
    from stepchat.chat.favourites import ModelChoices
    from stepchat.errors import StepchatError
    from stepchat.servers.api import Provider
    from stepchat.tui.dialogs.list_view import Piece

HINTS: Final = (
    ("list.accept", "select"), ("models.providers", "providers"), ("models.refresh", "refresh"),
    ("list.close", "close"), ("models.favourite", "favourite"),
)  # fmt: skip
_HIGH: Final = 30
"""Rows of a window from which all details have room."""


class ModelPicker(FilterDialog[str]):
    """Returns the name of the model; it may be one that was typed and is not in the list."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        "models", {"providers": "providers", "favourite": "favourite", "refresh": "refresh"}
    )

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
        """`toggle` adds or removes a favourite; `refresh` fetches the list and then calls its argument."""
        super().__init__(
            VirtualList(self._line, heading, wraps_around=True), HINTS, title="Models", placeholder="Type to search"
        )
        self._catalogue = catalogue
        self._selected = current
        self._choices = choices
        self._toggle = toggle
        self._providers = providers
        self._refresh_list = refresh
        self._found: Sequence[Model] = ()
        self._words: Sequence[str] = ()
        self._detail = Static("", id="detail", markup=False)

    def body(self) -> ComposeResult:
        yield self._list
        yield self._detail

    def on_mount(self) -> None:
        self._fill()
        if self._catalogue.stale:
            self._refresh_list(self._update)

    def fit(self, size: Size) -> None:
        super().fit(size)
        self._detail.display = size.height >= LOW
        self._detail.styles.height = 3 if size.height < LOW else 4 if size.height < _HIGH else 7
        self.call_after_refresh(self._describe)

    def filter_changed(self, typed: str) -> None:  # noqa: ARG002 - read in `_fill`
        self._fill()

    def cursor_moved(self) -> None:
        self._describe()

    def accept(self) -> None:
        self.dismiss(self._current or self._filter.value.strip() or None)

    def action_refresh(self) -> None:
        self._show_state("Loading the list …")
        self._refresh_list(self._update)

    def action_favourite(self) -> None:
        if name := self._current:
            workers.run_task(
                self, partial(self._toggle_favourite, name), partial(self._show_error, name), group="favourite"
            )

    async def _toggle_favourite(self, name: str) -> None:
        self._choices = await self._toggle(name)
        self._update()

    def action_providers(self) -> None:
        if self._detail.display and self.window_size.height < LOW:
            self._detail.display = False
        elif name := self._current:
            self._detail.display = True
            self._show_state("Loading the providers …")
            workers.run_task(
                self,
                partial(self._load_providers, name),
                partial(self._show_error, name),
                group="detail",
                exclusive=True,
            )

    async def _load_providers(self, name: str) -> None:
        self._show_for(name, provider_lines(await self._providers(name), self._detail.size.width))

    def _show_error(self, name: str, error: StepchatError) -> None:
        self._show_for(name, Content.styled(str(error), "$warning"))

    def _show_for(self, name: str, text: Content) -> None:
        """Show details, unless the cursor has moved to another model."""
        if name == self._current:
            self._detail.update(text)

    @property
    def _current(self) -> str | None:
        return self._found[self._list.cursor].id if self._found else None

    def _update(self) -> None:
        """List the models again, with the cursor on the same one."""
        if self.is_attached:
            self._fill(self._current)

    def _fill(self, keep: str | None = None) -> None:
        typed = self._filter.value
        self._words = fuzzy.words_of(typed)
        self._found = self._catalogue.search(typed, self._choices.first)
        self._list.empty_text = self._empty_text(typed)
        names = [model.id for model in self._found]
        wanted = keep or (self._selected if not typed else None)
        self._list.show(len(names), names.index(wanted) if wanted in names else 0)

    def _line(self, index: int, _part: int, width: int) -> list[Piece]:
        model = self._found[index]
        match = fuzzy.match(self._words, model.id)
        places = match.positions if match else ()
        favourite = model.id in self._choices.favourites
        return model_row(model, places, width, favourite=favourite, current=model.id == self._selected)

    def _empty_text(self, typed: str) -> str:
        if self._catalogue.models:
            return f"No match. Enter uses “{typed.strip()}” anyway."
        return f"No list of models yet. {self._catalogue.error or 'Waiting for the server.'}"

    def _describe(self) -> None:
        name = self._current
        model = self._catalogue.find(name) if name else None
        self._detail.update(model_detail(model) if model else "")

    def _show_state(self, text: str) -> None:
        self._detail.update(Content.styled(text, "$dim"))


# ---- rows and details

_PRICE, _CONTEXT = 7, 6
WIDE, MIDDLE = 76, 48
"""The list shows capabilities from the first width on, prices and the context window from the second (in columns)."""
_ABILITIES: Final = "think tools image"


def heading(width: int) -> list[Piece]:
    """The line above the columns of `model_row`."""
    right = f"{'in $/M':>{_PRICE}}{'out':>{_PRICE}}{'context':>{_CONTEXT + 2}}" if width >= MIDDLE else ""
    right += "  " + " " * len(_ABILITIES) if width >= WIDE else ""
    return [(f"{'  model':<{max(0, width - cell_len(right))}}{right}", "dim")]


def model_row(model: Model, places: Sequence[int], width: int, *, favourite: bool, current: bool) -> list[Piece]:
    """Sign, name with the matched letters, prices per million tokens, context window, abilities."""
    sign = "★" if favourite else "›" if current else " "
    right = ""
    if width >= MIDDLE:
        prices = (format_price_per_million(model.prices.prompt), format_price_per_million(model.prices.completion))
        right = "".join(f"{price[:_PRICE]:>{_PRICE}}" for price in prices)
        right += f"{format_context_length(model.context_length):>{_CONTEXT + 2}}"
    if width >= WIDE:
        abilities = zip(
            _ABILITIES.split(), (model.supports_reasoning, model.supports_tools, model.supports_images), strict=True
        )
        right += "  " + " ".join(word if able else " " * len(word) for word, able in abilities)
    name_width = max(8, width - cell_len(right) - 2)
    name = _name(pad(sanitize_for_display(model.id), name_width), places)
    return [(f"{sign} ", "sign"), *name, (right, "dim")]


def _name(shown: str, places: Sequence[int]) -> list[Piece]:
    """The name with the matched letters highlighted, as far as they are not truncated."""
    pieces: list[Piece] = []
    at = 0
    for place in places:
        if place < len(shown) and shown[place] != "…":
            pieces.append((shown[at:place], "text"))
            pieces.append((shown[place], "found"))
            at = place + 1
    return [*pieces, (shown[at:], "text")]


def model_detail(model: Model) -> Content:
    """Name, limits, reasoning, description and parameters of a model."""
    facts = [
        f"context window {format_context_length(model.context_length)} of {format_context_length(model.max_context_length)}"
        if model.max_context_length
        else "",
        f"output up to {format_context_length(model.max_completion_tokens)}" if model.max_completion_tokens else "",
        f"input: {', '.join(model.input_modalities)}" if model.input_modalities else "",
        _reasoning(model),
        f"cached {format_price_per_million(model.prices.cache_read)} $/M"
        if model.prices.cache_read is not None
        else "",
        f"available until {model.expires}" if model.expires else "",
    ]
    lines = [Content.styled(_plain(model.name or model.id), "bold")]
    lines += [Content.styled(" · ".join(fact for fact in map(_plain, facts) if fact), "$dim")]
    if model.description:
        lines.append(Content(_plain(model.description)))
    if model.supported_parameters:
        lines.append(Content.styled(f"Parameters: {_plain(', '.join(sorted(model.supported_parameters)))}", "$dim"))
    return Content("\n").join(line for line in lines if line.plain)


def _reasoning(model: Model) -> str:
    if model.reasoning is None:
        return "reasoning" if model.supports_reasoning else ""
    text = "reasoning always on" if model.reasoning.mandatory else "reasoning on request"
    if not model.reasoning.mandatory and model.reasoning.default_enabled:
        text = "reasoning on by default"
    efforts = model.reasoning.supported_efforts
    if not efforts:
        return text
    return f"{text}, any effort" if len(efforts) >= len(EFFORTS) - 1 else f"{text}, effort {'/'.join(efforts)}"


def provider_lines(providers: Sequence[Provider], width: int = 100) -> Content:
    """A line each: name, speed, time to first token, prices; where there is space uptime, context window, quantization."""
    if not providers:
        return Content.styled("The server lists no providers for this model.", "$dim")
    name_width = min(24 if width >= WIDE else 14, max(cell_len(_plain(provider.name)) for provider in providers))
    head = f"{'':{name_width}}{'tok/s':>8}{'first':>9}{'in $/M':>9}{'out':>8}"
    head += f"{'uptime':>9}{'context':>9}" if width >= WIDE else ""
    rows = [Content(_provider(provider, name_width, width)) for provider in providers]
    return Content("\n").join([Content.styled(head, "$dim"), *rows])


def _provider(provider: Provider, name_width: int, width: int) -> str:
    speed, first, uptime = provider.tokens_per_second, provider.first_token_seconds, provider.uptime
    cells = (
        f"{'' if speed is None else f'{speed:.0f}':>8}",
        f"{'' if first is None else f'{first:.1f} s':>9}",
        f"{format_price_per_million(provider.prices.prompt):>9}",
        f"{format_price_per_million(provider.prices.completion):>8}",
    )
    more = (
        f"{'' if uptime is None else f'{uptime:.1f} %':>9}",
        f"{format_context_length(provider.context_length):>9}",
        f"  {_plain(provider.quantization)}",
    )
    return pad(_plain(provider.name), name_width) + "".join(cells + (more if width >= WIDE else ()))


def _plain(text: str) -> str:
    return " ".join(sanitize_for_display(text).split())

"""The models of one server: cached on disk, available offline, refetched when stale.

The file has one entry per line as the server sent it, so that one model can be read without parsing hundreds.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

from stepchat import lossless_json
from stepchat.catalogue.backends import bare_slug
from stepchat.catalogue.models import Model, Prices, Reasoning, read_model
from stepchat.concurrency import start_daemon
from stepchat.errors import ServerError, StepchatError
from stepchat.text import fuzzy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from stepchat.messages import AssistantMessage, Json

__all__ = ["Catalogue", "Model", "Prices", "Reasoning", "file_name"]

STALE_SECONDS, LOCAL_STALE_SECONDS = 6 * 3600.0, 30.0
"""Older lists are refetched; the second is for servers on this machine."""
_PAGES = 20
_LARGEST_FILE = 64 * 1024 * 1024


class Catalogue:
    """A server's models; empty until `read` or `refresh` has run. Both block: call them in a thread."""

    def __init__(
        self,
        file: Path | None = None,
        fetch: Callable[[str, Mapping[str, str]], Json] | None = None,
        prices: Mapping[str, Prices] | None = None,
        clock: Callable[[], float] = time.time,
        extend: Callable[[Sequence[Any]], list[Any]] | None = None,
        write: Callable[[Path, bytes], object] | None = None,
        fresh_for: float = STALE_SECONDS,
        context_length: int = 0,
    ) -> None:
        """`fetch` gets a path and a query and returns the server's JSON; `extend` adds what the server reports elsewhere;
        `write` stores the file. The user's own `prices` and `context_length` (for all models) override the server's.
        """
        self._file = file
        self._fetch = fetch
        self._own_prices = dict(prices or {})
        self._clock = clock
        self._extend = extend
        self._write_file = write
        self._fresh_for = fresh_for
        self._own_length = context_length
        self._models: tuple[Model, ...] = ()
        self._by_slug: dict[str, Model] = {}
        self._searched: tuple[tuple[Model, str], ...] = ()
        """The models with their searchable text."""
        self._refreshing = Lock()
        self.fetched: float | None = None
        """When the list was fetched; None if nothing is known."""
        self.error: StepchatError | None = None
        """Why the last `refresh` failed."""

    @property
    def models(self) -> tuple[Model, ...]:
        """All models, in the server's order."""
        return self._models

    @property
    def stale(self) -> bool:
        """Whether the list should be refetched; also true if the clock was set back."""
        return self.fetched is None or not 0 <= self._clock() - self.fetched < self._fresh_for

    def find(self, slug: str) -> Model | None:
        """Returns the model with this slug, or with the slug without its routing suffix. Never blocks."""
        # `llama3` is `llama3:latest`, as Ollama reads it.
        names = (slug, bare_slug(slug), f"{slug}:latest")
        found = next((self._by_slug[name] for name in names if name in self._by_slug), None)
        own = self.configured_prices(slug)
        # A name missing from a list may be a typo.
        length = self._own_length if not self._models else 0
        if found is None and (own is not None or length):
            return Model(slug, context_length=length or None, prices=own or Prices())
        return found

    def configured_prices(self, slug: str) -> Prices | None:
        """Returns the prices the user has configured for a model."""
        return self._own_prices.get(slug) or self._own_prices.get(bare_slug(slug))

    def estimate_cost(self, answer: AssistantMessage) -> Decimal | None:
        """Estimates the cost of an answer without a reported one, from its tokens; None if unknown. Never blocks."""
        model = self.find(answer.model) or self.find(answer.model_asked)
        return None if model is None or answer.usage.cost is not None else model.prices.cost_of(answer.usage)

    def search(self, typed: str, first: Sequence[str] = ()) -> list[Model]:
        """Returns the models that match every word, best first; all models without words. The slugs `first` rank higher."""
        rank = {slug: place for place, slug in enumerate(first)}
        words = fuzzy.words_of(typed)
        if not words:
            return sorted(self._models, key=lambda model: (rank.get(model.id, len(rank)), -model.created))
        found: list[tuple[float, Model]] = []
        # Copied, because a thread may replace the list at any time.
        for model, text in self._searched:
            match = fuzzy.match(words, text)
            if match is not None:
                found.append((match.score + (5 if model.id in rank else 0), model))
        found.sort(key=lambda pair: (-pair[0], -pair[1].created))
        return [model for _, model in found]

    def nearest(self, slug: str, limit: int = 3) -> list[str]:
        """Returns slugs similar to an unknown one."""
        import difflib

        names = list(self._by_slug)
        tails = {name.rpartition("/")[2]: name for name in names}
        wanted = slug.strip().lower()
        close = difflib.get_close_matches(wanted, names, limit, 0.6)
        close += [tails[tail] for tail in difflib.get_close_matches(wanted.rpartition("/")[2], list(tails), limit, 0.6)]
        close += [model.id for model in self.search(wanted.replace("/", " "))[:limit]]
        return list(dict.fromkeys(close))[:limit]

    # In a thread

    def read(self, only: str | None = None) -> bool:
        """Load the file, or only one model from it. False if there is nothing usable."""
        if self._file is None:
            return False
        try:
            with self._file.open("rb") as file:
                lines = file.read(_LARGEST_FILE).split(b"\n")
        except OSError:
            return False
        header = _parse(lines[0])
        if not isinstance(header, dict):
            return False
        fetched: Any = cast("Json", header).get("fetched")
        if not isinstance(fetched, int | float) or isinstance(fetched, bool):
            return False
        if only is not None:
            marks = [json.dumps(slug).encode() for slug in {only, bare_slug(only)}]
            lines = [line for line in lines if any(mark in line for mark in marks)]
        self._take((_parse(line) for line in lines), float(fetched))
        return True

    def refresh(self, *, force: bool = False) -> bool:
        """Fetch the list and store it. On failure returns False, sets `error` and keeps the old list.

        While another refresh runs it does nothing, unless `force` is set.
        """
        if self._fetch is None or not self._refreshing.acquire(blocking=force):
            return False
        try:
            entries = self._fetch_all(self._fetch)
            self._take(entries, self._clock())
            if self._extend is not None:
                entries = self._extend(entries)
                self._take(entries, self._clock())
            self.error = None
        except StepchatError as error:
            self.error = error
            return False
        finally:
            self._refreshing.release()
        self._write(entries)
        return True

    def _fetch_all(self, fetch: Callable[[str, Mapping[str, str]], Json]) -> list[Any]:
        """Fetch the entries. Raises StepchatError, also for a response without any: the old list is worth more."""
        entries: list[Any] = []
        query: Mapping[str, str] = {}
        for _ in range(_PAGES):
            page = fetch("/models", query)
            found: Any = page.get("data", page.get("models"))
            if not isinstance(found, list):
                raise ServerError(
                    "The server's response contains no list of models.", "Check the base URL, or try again."
                )
            entries += cast("list[Any]", found)
            links: Any = page.get("links")
            following: Any = cast("Json", links).get("next") if isinstance(links, dict) else None
            # Only the query of the link is used, because the key must not go to another host.
            query = dict(parse_qsl(urlsplit(following).query)) if isinstance(following, str) else {}
            if not query or not found:
                break
        if all(read_model(entry) is None for entry in entries) and (self._models or self.read()):
            raise ServerError("The server's list of models is empty; keeping the previous one.", "Try again later.")
        return entries

    def _take(self, entries: Iterable[Any], fetched: float) -> None:
        models: dict[str, Model] = {}
        for entry in entries:
            model = read_model(entry)
            if model is not None and model.id not in models:
                own: dict[str, Any] = {"prices": prices} if (prices := self._own_prices.get(model.id)) else {}
                if self._own_length:
                    own |= {"context_length": self._own_length, "max_context_length": None}
                models[model.id] = replace(model, **own)
        by_slug = {model.canonical_slug: model for model in models.values() if model.canonical_slug}
        self._by_slug = by_slug | models
        self._models = tuple(models.values())
        self._searched = tuple((model, f"{model.id} {model.name}") for model in self._models)
        self.fetched = fetched

    def _write(self, entries: Iterable[Any]) -> None:
        if self._file is None or self._write_file is None:
            return
        lines = [json.dumps({"fetched": self.fetched}), *(lossless_json.dumps_for_storage(entry) for entry in entries)]
        # The file is only a cache, so a full disk is not an error.
        self._write_file(self._file, "\n".join(lines).encode("utf-8", "replace"))


def _parse(line: bytes) -> Any:
    try:
        return lossless_json.loads(line.decode("utf-8", "replace")) if line.strip() else None
    except ValueError:
        return None


def file_name(server: str) -> str:
    """Returns the name of the cache file for a base URL, or for the demo."""
    name = re.sub(r"[^a-z0-9.]+", "-", server.lower().partition("://")[2] or server).strip("-.")[:100]
    return f"{name or 'server'}.jsonl"


def load_in_background(
    catalogue: Catalogue,
    changed: Callable[[], None],
    *,
    fresh: bool = False,
    failed: Callable[[StepchatError], None] | None = None,
) -> None:
    """Load the catalogue in a thread: from disk, then from the server if the list is stale, or if `fresh` is set.

    The event loop calls `changed` each time more is known, and `failed` if the server sends no list.
    """
    import asyncio

    loop = asyncio.get_running_loop()

    def notify(callback: Callable[[], None]) -> None:
        # The loop is closed once the program has ended.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(callback)

    def work() -> None:
        if catalogue.fetched is None and catalogue.read():
            notify(changed)
        if not (catalogue.stale or fresh):
            return
        if catalogue.refresh(force=fresh):
            notify(changed)
        elif failed is not None and catalogue.error is not None:
            notify(partial(failed, catalogue.error))

    start_daemon(work)

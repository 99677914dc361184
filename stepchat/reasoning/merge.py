"""Merges the fragments of streamed reasoning_details into the entries that the model sent, in linear time."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from stepchat import lossless_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepchat.messages import Json

_JOINED = ("text", "summary")
_JOINED_TYPES = ("reasoning.text", "reasoning.summary")
_SIGNED_FORMAT = "anthropic-claude-v1"
_GROWING = 32
"""Entries that can grow at the same time, counted from the newest. The limit keeps a hostile stream linear."""


class _Entry:
    """One merged entry. Growing strings stay fragments until the end, so that merging is linear."""

    __slots__ = ("fragments", "head")

    def __init__(self, first: Json) -> None:
        self.head: Json = dict(first)
        self.fragments: dict[str, list[str]] = {
            key: [value] for key in _JOINED if isinstance(value := first.get(key), str)
        }

    def accepts(self, fragment: Json) -> bool:
        mine, other = self.head.get("id"), fragment.get("id")
        if mine is not None and other is not None and mine != other:
            return False
        # Text added after a signature would invalidate it, so a new block begins, even under the same index.
        signed = self.head.get("signature") is not None and self.head.get("format") == _SIGNED_FORMAT
        return not (signed and fragment.get("text"))

    def join(self, fragment: Json) -> None:
        for key, value in fragment.items():
            if key in _JOINED and isinstance(value, str):
                self.fragments.setdefault(key, []).append(value)
                self.head.setdefault(key, "")
            elif value is not None:
                self.head[key] = value

    def result(self) -> Json:
        merged = dict(self.head)
        for key, fragments in self.fragments.items():
            merged[key] = "".join(fragments)
        return merged


class DetailsMerge:
    """Merges entries of the same type and index. The cost of a fragment does not depend on the number of earlier ones.

    Text and summaries are concatenated; of other values, the newest wins. Encrypted and unknown entries are never merged.
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._by_index: dict[tuple[str, int], list[_Entry]] = {}
        self._encrypted: set[str] = set()
        self._present = False

    def add(self, fragments: Iterable[Any]) -> None:
        """Add the list of one chunk."""
        self._present = True
        for fragment in fragments:
            if isinstance(fragment, dict):
                self._add_one(cast("Json", fragment))

    def _add_one(self, fragment: Json) -> None:
        kind = fragment.get("type")
        if kind not in _JOINED_TYPES:
            if kind == "reasoning.encrypted" and self._is_repeated(fragment):
                return
            self._entries.append(_Entry(fragment))
            return
        index = fragment.get("index")
        if isinstance(index, int) and not isinstance(index, bool):
            known = self._by_index.setdefault((kind, index), [])
            # Newest first, because that one grows.
            for entry in islice(reversed(known), _GROWING):
                if entry.accepts(fragment):
                    entry.join(fragment)
                    return
            known.append(self._append(fragment))
            return
        last = self._entries[-1] if self._entries else None
        if last and last.head.get("type") == kind and last.head.get("index") is None and last.accepts(fragment):
            last.join(fragment)
        else:
            self._append(fragment)

    def _append(self, fragment: Json) -> _Entry:
        entry = _Entry(fragment)
        self._entries.append(entry)
        return entry

    def _is_repeated(self, fragment: Json) -> bool:
        # Compared as JSON, because true is not 1 there, and 1.0 is not 1.
        known = lossless_json.dumps(sorted((key, value) for key, value in fragment.items() if value is not None))
        if known in self._encrypted:
            return True
        self._encrypted.add(known)
        return False

    def result(self) -> tuple[Json, ...] | None:
        """Returns the entries in order of first appearance; None if no list arrived, () if only [] did."""
        return tuple(entry.result() for entry in self._entries) if self._present else None

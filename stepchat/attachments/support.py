"""Which models accept which kinds of files, by their catalogue entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.catalogue.models import Model
    from stepchat.messages import AttachmentKind

_MODALITIES: Final[dict[AttachmentKind, str]] = {"text": "text", "image": "image", "pdf": "file", "audio": "audio"}
_WORDS: Final[dict[AttachmentKind, str]] = {"text": "text", "image": "images", "pdf": "PDFs", "audio": "audio"}
_MOST_NAMES: Final = 4


def accepts(model: Model | None, kind: AttachmentKind) -> bool | None:
    """Whether the model accepts files of this kind; None if that is unknown."""
    if kind == "text":
        return True
    if model is None or not model.input_modalities:
        return None
    return _MODALITIES[kind] in model.input_modalities


def unsupported_kinds(model: Model | None) -> frozenset[AttachmentKind]:
    """The kinds that the model is known not to accept."""
    return frozenset(kind for kind in _MODALITIES if accepts(model, kind) is False)


def kind_word(kind: AttachmentKind) -> str:
    """`images`, `PDFs`, `audio`."""
    return _WORDS[kind]


def models_hint(models: Sequence[Model], kind: AttachmentKind) -> str:
    """A sentence that names models which accept this kind, the newest first; "" if none is known."""
    able = sorted((model for model in models if accepts(model, kind)), key=lambda model: -model.created)
    if not able:
        return f"No model of this server accepts {_WORDS[kind]}." if models else ""
    names = ", ".join(model.id for model in able[:_MOST_NAMES])
    return f"Models that accept {_WORDS[kind]}: {names}{f' and {len(able) - _MOST_NAMES} more' if len(able) > _MOST_NAMES else ''}."

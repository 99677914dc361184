"""What a command says at the end of the transcript, and in the status line when the end is out of sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepchat.transcript.labels import NoticeKind
    from stepchat.tui.chat.screen import ChatScreen as Chat


def refuse(chat: Chat, text: str, hint: str = "") -> None:
    """Why a command was not done. It goes with the next command that is typed, and when the turn changes."""
    say(chat, text, hint, kind="refused")


def say(chat: Chat, text: str, hint: str = "", *, kind: NoticeKind = "info") -> None:
    chat.view.notice(text, hint, kind=kind)
    if not chat.view.follow:
        chat.flash(f"{text} {hint}")


def put_away(chat: Chat) -> bool:
    """What was said in passing goes. Returns whether there was anything."""
    gone = chat.view.document.dismiss_notice()
    if gone:
        chat.view.notice("")
    return gone

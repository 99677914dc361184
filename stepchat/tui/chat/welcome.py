"""What an empty session shows: two lines of welcome, the recent sessions, three hints. Gone with the first key."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from stepchat.chat.interrupted import describe
from stepchat.text.sanitize import sanitize
from stepchat.tui.dialogs.session_list import age
from stepchat.tui.keymap import keymap_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.chat.workspace import Workspace
    from stepchat.sessions.records import SessionSummary
    from stepchat.sessions.recovery import InterruptedAnswer

RECENT = 3


class Welcome(Static):
    """Shown over the empty transcript."""

    async def greet(self, workspace: Workspace) -> None:
        """Show what this user needs to start."""
        missing = workspace.key_error
        self.show(
            await workspace.store.sessions(limit=RECENT),
            time(),
            demo=workspace.close_demo is not None,
            no_key="" if missing is None else f"{missing.message} {missing.hint}",
            cuts=await workspace.store.interrupted_answers(),
        )

    def show(
        self,
        recent: Sequence[SessionSummary],
        now: float,
        *,
        demo: bool,
        no_key: str,
        cuts: Sequence[InterruptedAnswer] = (),
    ) -> None:
        """Fill it. `no_key` is what to do about a missing key, "" when there is one."""
        lines = [
            Content.styled("stepchat", "bold $accent"),
            Content("Ask anything; the reasoning shows as it happens."),
        ]
        if demo:
            lines[1] = Content("This is the demo: no key, no network, scripted answers. Try: demo:help")
        if no_key:
            lines.append(Content.styled(no_key, "$warning"))
        keymap = keymap_of(self)
        if cuts:
            keys = [
                (keymap.label("continue"), "$accent"),
                (" opens it" if len(cuts) == 1 else " opens the first", "$dim"),
            ]
            more = (
                [(", ", "$dim"), (keymap.label("interrupted"), "$accent"), (" lists them", "$dim")]
                if len(cuts) > 1
                else []
            )
            lines += [Content(""), Content.assemble((f"{describe(cuts)} ", "$warning"), *keys, *more)]
        if recent:
            lines += [Content(""), Content.styled("Recent", "$dim")]
            lines += [
                Content.assemble(
                    (f"{age(row.updated, now):>7}  ", "$dim"),
                    sanitize(row.title, keep_newlines=False)[:70] or "untitled",
                )
                for row in recent[:RECENT]
            ]
        hints = (("/", "commands"), (keymap.label("sessions"), "open a session"), (keymap.label("help"), "help"))
        lines.append(Content(""))
        lines.append(
            Content("   ").join(Content.assemble((key, "$accent"), (f" {word}", "$dim")) for key, word in hints)
        )
        self.update(Content("\n").join(lines))

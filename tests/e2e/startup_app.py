"""A small Textual app with stepchat's main screen, started through the real first frame, for the tests of the start.

    python startup_app.py WHAT

WHAT: `app` or `app-gate` run it; `import-error`, `exit`, `exit-message`, `hang`, `app-error`, `css-error` fail on the way. With
`-gate` the file named by GATE (a fifo) is read before Textual is imported. NOTES names a file for what happened.
"""
# ruff: noqa: E402 - the order of imports is the point

import os
import sys

from stepchat.first_frame.frame import paint_first_frame

FRAME = paint_first_frame(sys.argv[2:], os.environ)
MODULES = sorted(sys.modules)

WHAT = sys.argv[1]
if WHAT.endswith("-gate"):
    with open(os.environ["GATE"]) as gate:  # noqa: PTH123 - before pathlib is imported
        gate.read()
if WHAT == "import-error":
    import no_such_module_at_all  # noqa: F401
if WHAT == "exit":
    sys.exit(3)
if WHAT == "exit-message":
    sys.exit("the reason")
if WHAT == "hang":
    import signal

    while True:
        signal.pause()

import json
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import Static

from stepchat.config.paths import find_paths
from stepchat.first_frame.frame import requested_model
from stepchat.first_frame.picture import read_frame_style, status_line
from stepchat.tui.terminal.driver import driver_class
from stepchat.tui.terminal.handover import Handover, write_first_frame
from tests.e2e.small_prompt import CSS, Prompt, main_screen, styles


class SmallApp(App[None]):
    CSS = CSS if WHAT != "css-error" else "Screen { no such css"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar = [Binding("ctrl+q", "quit", priority=False)]

    def __init__(self, handover: Handover) -> None:
        super().__init__(driver_class=driver_class(handover))
        self.handover = handover

    def compose(self) -> ComposeResult:
        yield from main_screen(self.handover.type_ahead(), self.size)

    def on_mount(self) -> None:
        if WHAT == "app-error":
            raise RuntimeError("an error in the app")
        self.query_one(Prompt).focus()

    def on_resize(self) -> None:
        items = read_frame_style(b"", "none", requested_model(sys.argv[2:], os.environ)).items
        parts = [(text, styles()[role]) for role, text in status_line(items, self.size.width)]
        self.query_one("#status", Static).update(Text.assemble(*parts))

    def on_ready(self) -> None:
        self.call_after_refresh(self.ready)

    def ready(self) -> None:
        self.note("ready")
        self.handover.prompt_is_ready()
        write_first_frame(find_paths(os.environ).first_frame, "stepfun/step-3.5-flash", [], [], styles())

    def note(self, state: str) -> None:
        prompt = self.query_one(Prompt)
        notes = {
            "state": state,
            "text": prompt.text,
            "cursor": prompt.cursor_location,
            "sent": prompt.sent,
            "modules": MODULES,
        }
        path = Path(os.environ["NOTES"])
        path.with_suffix(".new").write_text(json.dumps(notes))
        path.with_suffix(".new").replace(path)

    async def action_quit(self) -> None:
        self.note("quit")
        self.exit()


APP = SmallApp(Handover(FRAME))
APP.run()
sys.exit(APP.return_code)

"""From exec to the first frame and to the first echoed key, against `python -c pass` and a minimal Textual app, in one run.

    python -m pytest -m benchmark -s tests/benchmarks/bench_startup.py

Milliseconds of wall time, medians of interleaved rounds. Compare the ratios, and only within one run.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

from tests.e2e.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
ROUNDS = 15
MARK = "READYMARK"
MINIMAL = f"""
from textual.app import App
from textual.containers import VerticalScroll
from textual.widgets import TextArea
class Minimal(App):
    ENABLE_COMMAND_PALETTE = False
    def compose(self):
        yield VerticalScroll()
        yield TextArea("{MARK}")
Minimal().run()
"""
FRAME = "sk, or / for"  # its A is in the cursor, so in other colours
FRAME_ONLY = (
    "import sys, os; from stepchat.first_frame.frame import paint_first_frame; paint_first_frame(sys.argv, os.environ)"
)
SCRIPT = """#!{python}
import sys
import os
from stepchat.first_frame.frame import paint_first_frame
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    paint_first_frame(sys.argv, os.environ)
    sys.stdin.buffer.raw.read(1)
"""
STEPCHAT = [sys.executable, "-m", "stepchat", "--demo"]
SMALL_APP = str(ROOT / "tests" / "e2e" / "startup_app.py")


def milliseconds(home: Path, argv: list[str], *, until: str, key: str = "") -> float:
    """From exec until this is written; with a key, which is typed as soon as the frame is there, until its echo."""
    env = {"PYTHONPATH": str(ROOT), "NOTES": str(home / "notes"), "GATE": str(home / "gate")}
    with Terminal(argv, home, env, 120, 40) as terminal:
        if key:
            # Not before the frame: what the kernel echoes is not what is measured.
            terminal.wait_for(lambda seen: bool(seen.reads))
            terminal.type(key)
        wanted = (key or until).encode()
        terminal.wait_for(lambda seen: seen.seconds_until(wanted) is not None)
        seconds = terminal.seconds_until(wanted)
    assert seconds is not None
    return seconds * 1000


def cases(home: Path) -> dict[str, Callable[[], float]]:
    python = sys.executable
    script = home / "stepchat-like"
    script.write_text(SCRIPT.format(python=python))
    script.chmod(0o755)
    return {
        "python -c pass (prints)": lambda: milliseconds(home, [python, "-c", f"print('{MARK}')"], until=MARK),
        "first frame, python -c": lambda: milliseconds(home, [python, "-c", FRAME_ONLY], until=FRAME),
        "first frame, a console script": lambda: milliseconds(home, [str(script)], until=FRAME),
        "first frame, small app": lambda: milliseconds(home, [python, SMALL_APP, "app"], until=FRAME),
        "first echoed key, small app": lambda: milliseconds(home, [python, SMALL_APP, "app"], until="", key="¤"),
        "small app has painted and is ready": lambda: until_ready(home),
        "first frame, stepchat --demo": lambda: milliseconds(home, STEPCHAT, until=FRAME),
        "first echoed key, stepchat --demo": lambda: milliseconds(home, STEPCHAT, until="", key="¤"),
        "minimal Textual app": lambda: milliseconds(home, [python, "-c", MINIMAL], until=MARK),
    }


def until_ready(home: Path) -> float:
    """Until the prompt reads keys itself, which the first character it paints tells."""
    notes = home / "notes"
    notes.unlink(missing_ok=True)
    env = {"PYTHONPATH": str(ROOT), "NOTES": str(notes), "GATE": str(home / "gate")}
    with Terminal([sys.executable, SMALL_APP, "app"], home, env, 120, 40) as terminal:
        terminal.wait_for(lambda _: notes.exists())
        before = len(terminal.reads)
        terminal.type("¤")
        terminal.wait_for("¤")
        return terminal.reads[before].seconds * 1000


@pytest.mark.benchmark
def test_startup(tmp_path: Path) -> None:
    measured = cases(tmp_path)
    for run in measured.values():
        run()  # once for the caches
    rounds: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(ROUNDS):
        for name, run in measured.items():
            rounds[name].append(run())
    floor = median(rounds["python -c pass (prints)"])
    textual = median(rounds["minimal Textual app"])
    print(f"\n{'':36}{'median':>8}{'best':>8}{'x pass':>8}{'x minimal':>11}")
    for name, values in rounds.items():
        middle = median(values)
        print(f"{name:36}{middle:8.1f}{min(values):8.1f}{middle / floor:8.2f}{middle / textual:11.2f}")

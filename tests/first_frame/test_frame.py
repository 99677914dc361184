from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import stepchat
from stepchat.first_frame.frame import paint_first_frame, terminal_size

NOT_BEFORE_THE_FRAME = {"stepchat.first_frame.picture", "stepchat.first_frame.type_ahead", "stepchat.first_frame.frame"}


def test_without_a_terminal_nothing_is_done(capfd):
    assert paint_first_frame([], {"TERM": "xterm"}) is None
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("environ", "size"),
    [({"COLUMNS": "90", "LINES": "20"}, (90, 20)), ({"COLUMNS": "90", "LINES": "20", "TERM": "x"}, (90, 20))],
)
def test_the_size_from_the_environment(environ, size):
    assert terminal_size(environ) == size


def test_a_size_that_is_no_number_is_asked_of_the_terminal(capfd):
    with pytest.raises(OSError):
        terminal_size({"COLUMNS": "wide", "LINES": "-3"})


def imported_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has after the code and had not before."""
    script = f"import sys; before = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
    root = Path(stepchat.__file__).parents[1]
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{script}"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def test_the_start_imports_only_c_modules_and_itself():
    ours = {
        "stepchat",
        "stepchat.first_frame",
        "stepchat.first_frame.files",
        "stepchat.first_frame.page",
        *NOT_BEFORE_THE_FRAME,
    }
    assert imported_by("import os\nbefore = set(sys.modules)\nimport stepchat.first_frame.frame") - ours <= {
        "_signal",
        "_thread",
        "atexit",
        "itertools",
        "select",
        "termios",
        "time",
    }


def test_the_modules_of_the_start_stay_small():
    folder = Path(stepchat.__file__).parent
    for name in (
        "first_frame/frame",
        "first_frame/picture",
        "first_frame/type_ahead",
        "tui/terminal/handover",
        "tui/terminal/driver",
    ):
        assert len((folder / f"{name}.py").read_text().splitlines()) <= 400


def test_the_frame_takes_the_modes_textual_takes():
    """If Textual changes what it sets, the keys it is handed would not be those it expects."""
    from textual.drivers.linux_driver import LinuxDriver

    from stepchat.first_frame.frame import _raw

    everything = 0xFFFFFFFF
    modes = _raw([everything, 1, 2, everything, 3, 4, [b"\x00"] * 32])
    assert modes[0] == LinuxDriver._patch_iflag(everything)
    assert modes[3] == LinuxDriver._patch_lflag(everything)
    assert (modes[1], modes[2], modes[4], modes[5]) == (1, 2, 3, 4)


def test_what_textual_switches_on_is_switched_off_by_restore():
    """Looks into Textual's driver for modes it sets that we do not reset."""
    import inspect

    from textual.drivers import linux_driver

    from stepchat.first_frame.frame import GIVE_SCREEN_BACK, TEXTUAL_OFF

    source = re.sub(r"(?m)^ *#.*$", "", inspect.getsource(linux_driver))
    set_by_textual = set(re.findall(r"\\x1b\[\?(\d+)h", source))
    reset_by_us = set(re.findall(r"\x1b\[\?(\d+)l", TEXTUAL_OFF + GIVE_SCREEN_BACK))
    # 7 (line wrap) and 25 (cursor) are on in a terminal at rest.
    assert set_by_textual - {"7", "25"} <= reset_by_us

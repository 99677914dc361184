from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from stepchat.tui.dialog_keys import DEFAULTS, DIALOG_ROWS, bindings
from stepchat.tui.keymap import build_keymap, normalize_key


def test_a_key_means_one_thing_in_each_context():
    used = Counter((row.context, key) for row in DIALOG_ROWS for key in row.keys)
    assert [place for place, count in used.items() if count > 1] == []
    assert len({row.name for row in DIALOG_ROWS}) == len(DIALOG_ROWS)
    assert build_keymap(DIALOG_ROWS, {}).problems == ()


@pytest.mark.parametrize("row", DIALOG_ROWS, ids=lambda row: row.name)
def test_a_row_is_spelled_as_it_has_to_be(row):
    assert [normalize_key(key) for key in row.keys] == list(row.keys)
    assert row.help[0].isupper()
    assert not row.help.endswith(".")


def test_bindings_have_the_ids_of_the_table():
    (rename,) = bindings("sessions", {"rename": "rename"})
    assert (rename.id, rename.key, rename.action, rename.priority) == ("sessions.rename", "f2", "rename", True)
    assert DEFAULTS.label("sessions.rename") == "Ctrl+X r"
    with pytest.raises(KeyError):
        bindings("sessions", {"renam": "rename"})


def test_the_table_does_not_import_textual():
    code = "import sys, stepchat.tui.dialog_keys; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

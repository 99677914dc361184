from __future__ import annotations

import pytest

from stepchat.tui.dialogs.links import link_actions

HOSTILE = ("/etc/passwd", "notes.html", "-n", "file:///etc/passwd", "vscode://x", "javascript:alert(1)", "ssh://a", "")


def can_be_opened(address, *, desktop=True):
    copy, browse = link_actions(address, desktop=desktop)
    assert (copy.id, copy.disabled, browse.id) == ("copy", False, "open")
    assert bool(browse.detail) is browse.disabled
    return not browse.disabled


@pytest.mark.parametrize("address", ["https://a.org/x", "HTTP://A.ORG", "http://127.0.0.1:8080/?q=1"])
def test_pages_can_be_opened(address):
    assert can_be_opened(address)
    assert not can_be_opened(address, desktop=False)


@pytest.mark.parametrize("address", HOSTILE)
def test_what_starts_a_program_or_is_a_file_is_only_copied(address):
    assert not can_be_opened(address)

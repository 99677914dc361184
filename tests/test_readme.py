"""README is short, and its test command is the one that CI runs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_it_is_short():
    assert len(README.splitlines()) <= 150


def test_it_has_the_command_that_ci_runs():
    commands = re.findall(r"^python3 -m venv .*-m pytest$", README, re.MULTILINE)
    assert len(commands) == 1
    if (ci := ROOT / ".ci" / "run").exists():
        assert "'^python3 -m venv .*-m pytest' README.md" in ci.read_text()


def test_it_links_to_every_user_page_of_the_manual():
    pages = set(re.findall(r"\]\(stepchat/docs/([a-z]+)\.md", README))
    assert pages == {path.stem for path in (ROOT / "stepchat" / "docs").glob("*.md")}

"""What README says that can be compared with the program, beyond what the tests of each subject compare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stepchat.sessions.records import SHORTEST_PREFIX, new_id

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_ids_in_examples_are_such_as_there_can_be():
    examples = re.findall(
        r"(?:sessions (?:show|rename|delete|pin|archive|export) |--resume |--leaf )([a-z0-9]+)\b", README
    )
    assert len(examples) > 5
    for example in examples:
        assert len(example) >= SHORTEST_PREFIX
        assert re.fullmatch("[a-hjkmnp-tv-z][0-9][0-9a-hjkmnp-tv-z]*", example)
    for _ in range(20):
        assert re.fullmatch("[a-hjkmnp-tv-z][0-9][0-9a-hjkmnp-tv-z]*", new_id(12))


@pytest.mark.parametrize("path", sorted((ROOT / "stepchat").glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_each_module_has_its_place_in_the_layout(path):
    layout = README.partition("## How the code is laid out")[2]
    assert path.name in layout


def test_links_within_lead_somewhere():
    titles = {
        re.sub(r"[^a-z -]", "", line[3:].lower()).replace(" ", "-")
        for line in README.splitlines()
        if line[:3] in {"## ", "###"}
    }
    titles |= {title.lstrip("-") for title in titles}
    assert set(re.findall(r"\]\(#([a-z-]+)\)", README)) <= titles

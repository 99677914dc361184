from __future__ import annotations

import pytest

from stepchat.parameters.docs import as_markdown, as_rows, as_text, example
from stepchat.parameters.table import GROUPS, PARAMETERS


@pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row.name)
def test_the_manual_documents_each_with_an_example(row):
    assert f"`{row.name}`" in as_markdown()
    assert example(row).startswith("--")


def test_the_table_in_a_terminal():
    text = as_text()
    assert all(f"\n  {row.name}\n" in text for row in PARAMETERS)
    assert all(group.title in text for group in GROUPS)
    assert max(len(line) for line in text.split("\n")) <= 80
    found = as_text(["penalty", "often"])
    assert "frequency_penalty" in found
    assert "temperature" not in found
    assert as_text(["nothing of this kind"]) == "No matching parameter.\n"


def test_the_table_for_programs():
    rows = as_rows()
    assert [row["name"] for row in rows] == [parameter.name for parameter in PARAMETERS]
    assert as_rows(["top_p"])[0]["allowed"] == "a number, more than 0 and at most 1"

"""The manual agrees with the tables it is generated from, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stepchat.docs.generate import TABLES, regenerate
from stepchat.manual import DOCS, TOPICS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(DOCS / f"{topic.name}.md" for topic in TOPICS)]
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


@every_page
def test_a_page_agrees_with_the_tables(path):
    text = path.read_text("utf-8")
    assert regenerate(text) == text, "run: python -m stepchat.docs.generate"


def test_every_table_is_in_a_page():
    shown = re.findall(r"<!-- generated: ([a-z ]+) -->", "".join(path.read_text("utf-8") for path in PAGES))
    assert set(shown) == set(TABLES)


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


@every_page
def test_links_lead_somewhere(path):
    for address in re.findall(r"\]\(([^)\s]+)\)", without_code(path.read_text("utf-8"))):
        if address.startswith(("https://", "http://")):
            continue
        name, _, anchor = address.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), address
        assert target.is_relative_to(ROOT), address
        if anchor:
            assert anchor in anchors(target), address


def test_a_key_in_a_sentence_becomes_its_default_and_keeps_its_id():
    kbd = regenerate("Press {key:retry}.")
    assert re.fullmatch(r'Press <kbd title="retry">[^<]+</kbd>\.', kbd)
    assert regenerate('Press <kbd title="retry">old</kbd>.') == kbd
    with pytest.raises(KeyError):
        regenerate("{key:nothing}")


def test_the_code_refers_to_headings_that_exist():
    for path in (ROOT / "stepchat").rglob("*.py"):
        for page, heading in re.findall(r"docs/([a-z]+)\.md, ([^).\"\n]+)", path.read_text("utf-8")):
            titles = re.findall(r"^#+ (.*)$", (DOCS / f"{page}.md").read_text("utf-8"), re.MULTILINE)
            assert heading in titles, f"{path.name}: {page}.md, {heading}"


def test_architecture_names_every_package_and_module():
    text = (DOCS / "architecture.md").read_text("utf-8")
    packages = [path.parent.name for path in (ROOT / "stepchat").glob("*/__init__.py") if path.parent != DOCS]
    modules = [path.name for path in (ROOT / "stepchat").glob("[a-z]*.py")]
    assert [name for name in packages + modules if f"`{name}`" not in text] == []


def test_the_code_refers_to_no_document_outside_the_repository():
    files = [path for folder in ("stepchat", "tests") for path in (ROOT / folder).rglob("*.py")]
    named = {name for path in files for name in re.findall(r"\b[A-Z]{3,}\.md\b", path.read_text("utf-8"))}
    assert named <= {"README.md", "CONTRIBUTING.md"}

"""What exports do with attached files, and that an import brings them back."""

from __future__ import annotations

from datetime import UTC
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt

from stepchat import lossless_json
from stepchat.attachments.reading import load_content
from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.errors import UsageError
from stepchat.messages import UserMessage
from stepchat.sessions.export.files import FilesBeside
from stepchat.sessions.export.formats import ExportOptions, export
from stepchat.sessions.importing.importer import import_file
from stepchat.sessions.store import SessionStore
from tests.attachments import files
from tests.attachments.test_reading import READER, asked

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "x](http://evil) <script>`\"'\u202e.png"


@pytest.fixture
async def session(store: SessionStore) -> str:
    """A session with a text, an image with a hostile name, a PDF, and a file whose content is missing."""
    loaded = [
        load_content(name, content, asked(READER))
        for name, content in (
            ("a.py", b"````\n<b>"),
            (HOSTILE, files.png()),
            ("b.pdf", files.pdf("x")),
            ("gone.txt", b"gone"),
        )
    ]
    for file in loaded[:-1]:
        await store.add_attachment(file.content)
    found = await store.create(model="m", server="s", system=None)
    await store.append(found.id, None, UserMessage("Why?", 1.0, tuple(file.attachment for file in loaded)))
    return found.id


async def exported(store: SessionStore, name: str, session: str, **options) -> str:
    return "".join([piece async for piece in export(store, name, [session], ExportOptions(zone=UTC, **options))])


async def test_json_is_lossless(store: SessionStore, session: str, tmp_path: Path) -> None:
    text = await exported(store, "json", session)
    (tmp_path / "a.json").write_text(text)
    home = tmp_path / "other"
    other = SessionStore.open(Paths(home, home, home), accumulate=accumulate)
    await import_file(other, tmp_path / "a.json")
    assert await exported(other, "json", session) == text
    (question,) = await other.path(session)
    digests = [one.digest for one in question.message.attachments]
    assert await other.attachments(digests) == await store.attachments(digests) != {}
    await other.close()


@pytest.mark.parametrize("wrong", ["not base64!", "AAAA", 5])
async def test_content_that_is_not_what_its_digest_says_is_rejected(
    store: SessionStore, session: str, tmp_path: Path, wrong: object
) -> None:
    data = lossless_json.loads(await exported(store, "json", session))
    data["session"]["id"] = "a0new"
    data["files"][next(iter(data["files"]))] = wrong
    (tmp_path / "a.json").write_text(lossless_json.dumps(data))
    with pytest.raises(UsageError, match="files"):
        await import_file(store, tmp_path / "a.json")


async def test_markdown_links_to_files_beside_it(store: SessionStore, session: str, tmp_path: Path) -> None:
    beside = FilesBeside(tmp_path / "my chat.md")
    text = await exported(store, "markdown", session, link=beside.link)
    assert await beside.write() == 2
    parsed = [child for token in MarkdownIt().parse(text) for child in token.children or ()]
    links = [child.attrs.get("src") or child.attrs["href"] for child in parsed if child.type in {"image", "link_open"}]
    written = sorted((tmp_path / "my chat-files").iterdir())
    assert sorted(tmp_path / unquote(link) for link in links) == written
    assert {path.read_bytes() for path in written} == {files.png(), files.pdf("x")}
    assert all(path.stat().st_mode & 0o077 == 0 for path in written)
    assert "`````\n````\n<b>\n`````" in text
    assert "gone.txt · text · 4 bytes · missing" in text
    # On stdout there is no place beside it.
    assert "(<data:image/png;base64," in await exported(store, "markdown", session)


async def test_html_has_them_inside_and_nothing_hostile(store: SessionStore, session: str) -> None:
    text = await exported(store, "html", session)
    tags: list[tuple[str, dict[str, str | None]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))
    parser.feed(text)
    assert [attributes["src"][:22] for tag, attributes in tags if tag == "img"] == ["data:image/png;base64,"]
    assert [attributes["download"] for tag, attributes in tags if tag == "a"] == ["b.pdf"]
    assert not {"script", "b"} & {tag for tag, _ in tags}
    assert "````\n&lt;b&gt;" in text
    assert "\u202e" not in text


async def test_jsonl_has_them_as_they_are_sent(store: SessionStore, session: str, tmp_path: Path) -> None:
    from stepchat.chat.workspace import continuation_request_builder
    from stepchat.config.file import Config

    to_api = await continuation_request_builder(store, Config(), {}, tmp_path)
    body = lossless_json.loads(await exported(store, "jsonl", session, to_api=to_api))
    assert [part["type"] for part in body["messages"][0]["content"]] == ["text", "image_url", "file"]

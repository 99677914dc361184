from __future__ import annotations

from datetime import UTC
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.messages import AssistantMessage, Failure, Message, StoredMessage, ToolCall, ToolMessage, UserMessage
from stepchat.sessions.export.html import head, html
from stepchat.sessions.records import Session, SessionContent
from tests.sessions import samples

_TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "article",
        "header",
        "section",
        "div",
        "details",
        "summary",
        "p",
    ),
    "bdi",
    *("h1", "h2", "h3", "h4", "h5", "h6", "pre", "code", "a", "em", "strong", "s", "ul", "ol", "li", "blockquote"),
    *("table", "thead", "tbody", "tr", "th", "td", "hr", "br"),
}
_ATTRIBUTES = {"class", "href", "lang", "charset", "http-equiv", "content", "name", "title", "start", "style"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def _session(**values: Any) -> Session:
    return Session(
        **{
            "id": "a1",
            "title": "T",
            "created": 0.0,
            "updated": 0.0,
            "leaf": None,
            "model": "m",
            "server": "s",
            "system": None,
        }
        | values
    )


def _page(*said: Message, **session: Any) -> str:
    stored = tuple(StoredMessage(f"m{n}", "a1", None, message) for n, message in enumerate(said))
    shown = _session(**session)
    return head(shown.title) + html(SessionContent(shown, stored, 2), UTC)


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader


_nasty = st.lists(
    st.sampled_from(
        [
            "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</div>", "</details>", "</style>", "<!--", "]]>", "&lt;", '"', "'", "`", "```html\n", "~~~", "\n", " ", "> ", "# ", "| a |\n|---|\n",
            "[x](javascript:alert(1))", "[x](JaVaScRiPt&colon;alert(1))", "[x](data:text/html,hi)", "[x](vbscript:x)", "[x](//evil)", "[x](file:///etc/passwd)", "<javascript:alert(1)>",
            "![x](https://tracker.example/p.png)", "![x](data:image/svg+xml,x)", "[x]: javascript:alert(1)\n\n[x]", '[x](https://ok.example "onmouseover=alert(1)")', '[x](https://ok.example/"onclick=x)', "<https://ok.example>", "\x1b[31m", "\x00", "\ud800", "\u202e",
        ]
    ),
    max_size=12,
).map("".join)  # fmt: skip
_text = st.one_of(_nasty, samples.texts)


def _is_harmless(page: str) -> None:
    page.encode()
    assert not any(char < " " and char not in "\n\t" for char in page)
    assert not any(char in page for char in "\x7f\x9b\u202e")
    reader = _read(page)
    assert set(reader.tags) <= _TAGS
    for tag, name, value in reader.attributes:
        assert name in _ATTRIBUTES
        if name == "href":
            assert value.lower().startswith(("http://", "https://", "mailto:"))
            assert tag == "a"
        if name == "style":
            assert value.startswith("text-align:")
    # What was opened by us is closed by us: nothing broke out of its place.
    assert reader.tags.count("section") == page.count("</section>")
    assert page.endswith("</article>\n")


@given(_text, _text, _text)
def test_no_text_becomes_a_tag_or_an_address(one: str, two: str, three: str) -> None:
    _is_harmless(
        _page(
            UserMessage(one),
            AssistantMessage(
                text=two, reasoning=three, model=one, tool_calls=(ToolCall(one, two, three),), stop="error", error=Failure(1, three)
            ),
            ToolMessage(one, two, three),
            AssistantMessage(refusal=one),
            title=one,
            model=two,
            system=three,
        )
    )  # fmt: skip


def test_markdown_is_rendered_and_the_rest_is_text() -> None:
    answer = (
        "# Head\n\n**bold** `a<b` [link](https://example.org/?a=1&b=2)\n\n```py\nx < 1\n```\n\n| a |\n|---|\n| ~~b~~ |"
    )
    page = _page(
        UserMessage("# not a <head>\n  indented"), AssistantMessage(text=answer, reasoning="*so*\n<b>", model="step")
    )
    for part in (
        '<div class="plain"># not a &lt;head&gt;\n  indented</div>',
        "<h1>Head</h1>",
        "<strong>bold</strong> <code>a&lt;b</code>",
        '<a href="https://example.org/?a=1&amp;b=2">link</a>',
        '<pre><code class="language-py">x &lt; 1\n</code></pre>',
        "<td><s>b</s></td>",
        '<details>\n<summary>Thought</summary>\n<div class="plain">*so*\n&lt;b&gt;</div>\n</details>',
        "<h2><bdi>step</bdi></h2>",
        "2 messages on other branches are not included",
    ):
        assert part in page


def test_a_picture_is_a_link_so_that_nothing_is_loaded() -> None:
    page = _page(AssistantMessage(text="![a <cat>](https://example.org/cat.png)"))
    assert '<a href="https://example.org/cat.png">a &lt;cat&gt;</a>' in page
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page


@pytest.mark.parametrize("time", [0.0, -1e300, 1e300, 1e18])
def test_a_time_that_is_none_is_left_out(time: float) -> None:
    page = _page(created=time)
    assert ("1970-01-01 00:00 UTC" in page) is (time == 0.0)


def test_no_text_turns_the_text_around_it() -> None:
    override = "\u202e"
    answer = f"a {override}b &#x202e;c &#8297; `{override}`"
    page = _page(
        UserMessage(override),
        AssistantMessage(text=answer, reasoning=override, model=f"m{override}"),
        title=f"t{override}",
    )
    assert not set(page) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    # A replacement character shows where each was.
    assert "<p>a \ufffdb \ufffdc \ufffd <code>\ufffd</code></p>" in page
    assert "<h2><bdi>m\ufffd</bdi></h2>" in page
    assert "unicode-bidi: plaintext" in page

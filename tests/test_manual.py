from __future__ import annotations

from stepchat import manual
from stepchat.manual import DOCS, TOPICS, Topic, find_topic, outline, read_topic, unwrap


def test_every_page_is_a_topic():
    assert sorted(path.stem for path in DOCS.glob("*.md")) == sorted(topic.name for topic in TOPICS)


def test_a_page_is_shown_with_the_keys_in_force_and_the_names_of_other_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(manual, "DOCS", tmp_path)
    (tmp_path / "keys.md").write_text(
        "# Keys\n\n<!-- generated: keys -->\n\n"
        '| <kbd title="all retry">Alt+R</kbd>, <kbd title="all retry">F9</kbd> | <!-- all fork --> |\n\n'
        "<!-- /generated -->\n\n"
        'Press <kbd title="retry">Alt+R</kbd> or <kbd title="top">Ctrl+X &lt;</kbd>, then <kbd>Enter</kbd>, '
        'or type <kbd title="fork">/fork</kbd>.\n\n'
        "See [titles](sessions.md#titles), [sessions](sessions.md), [the theme](../../themes/dark.toml) and "
        "[a page](https://example.org).\n"
    )
    topic = Topic("keys", "")
    assert read_topic(topic) == (
        "# Keys\n\n| `Alt+R`, `F9` |  |\n\n"
        "Press `Alt+R` or `Ctrl+X <`, then `Enter`, or type `/fork`.\n\n"
        "See titles (`/help sessions`), `/help sessions`, the theme and [a page](https://example.org).\n"
    )
    rebound = {"retry": ["F7", "F8"], "fork": ["F6"], "top": []}
    shown = read_topic(topic, "stepchat help", rebound.get)
    assert "| `F7`, `F8` | `F6` |" in shown
    assert "Press `F7` or `/top`, then `Enter`, or type `F6`." in shown
    assert "titles (`stepchat help sessions`)" in shown


def test_topics_by_name():
    assert find_topic("keys") is TOPICS[0]
    assert find_topic("Keys") is None
    assert outline(TOPICS[:2]) == f"keys      {TOPICS[0].about}\ncommands  {TOPICS[1].about}"


def test_paragraphs_and_items_become_one_line_each_and_nothing_else_changes():
    text = "# A\n\none\ntwo\n\n- three\n  four\n- five\n\n1. six\n   seven\n\n| a |\n|---|\n| b |\n\n```sh\nx\ny\n```\n"
    assert unwrap(text) == (
        "# A\n\none two\n\n- three four\n- five\n\n1. six seven\n\n| a |\n|---|\n| b |\n\n```sh\nx\ny\n```\n"
    )
    for topic in TOPICS:
        page = read_topic(topic)
        assert unwrap(page).split() == page.split()
        assert unwrap(unwrap(page)) == unwrap(page)

from __future__ import annotations

from stepchat.transcript import message_source
from tests.transcript.chat import answered, asked, page

LINKS = """See [the *docs*](https://example.org/docs) and https://bare.example/x, or <mailto:me@example.org>.

- again [here](https://example.org/docs)

| a | b |
|---|---|
| [cell](http://example.org/cell) | [bad](javascript:alert) |

```
https://not.a.link/
```

[by name][n]

[n]: https://example.org/named
"""


ADDRESSES = [
    "https://example.org/docs",
    "https://bare.example/x",
    "mailto:me@example.org",
    "http://example.org/cell",
    "https://example.org/named",
]


def test_every_address_and_only_those_a_terminal_may_be_told():
    old = answered("[old](https://old.example), [again](https://bare.example/x)")
    parts = page(old, asked(), answered(LINKS)).document.messages
    found = list(message_source.links(parts[2]))
    assert list(dict.fromkeys(target for _, target in found)) == ADDRESSES
    assert ("cell", "http://example.org/cell") in found
    assert [text for text, _ in message_source.links(parts[0])] == ["old", "again"]
    assert list(message_source.links(parts[1])) == []


def test_code_is_the_last_block_of_the_newest_answer():
    document = page(
        answered("```\nold\n```"), asked("```\nmine\n```"), answered("```\na\n```\n\n```c\nb\n\nc\n```")
    ).document
    assert message_source.code(document) == "b\n\nc"
    assert [fence.source for fence in message_source.codes(document, 2)] == ["a", "b\n\nc"]
    assert [fence.source for fence in message_source.codes(document, 0)] == ["old"]
    assert message_source.codes(document, 1) == []
    assert message_source.code(page(asked()).document) == ""

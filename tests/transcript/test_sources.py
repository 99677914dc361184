from __future__ import annotations

from stepchat.transcript import sources
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


def test_every_address_once_and_only_those_a_terminal_may_be_told():
    old = answered("[old](https://old.example), [again](https://bare.example/x)")
    document = page(old, asked(), answered(LINKS)).document
    found = sources.links(document)
    assert [target for _, target in found] == [*ADDRESSES, "https://old.example"]
    assert ("cell", "http://example.org/cell") in found
    assert [target for _, target in sources.links(document, 2)] == ADDRESSES
    assert [text for text, _ in sources.links(document, 0)] == ["old", "again"]
    assert sources.links(document, 1) == []


def test_code_is_the_last_block_of_the_newest_answer():
    document = page(
        answered("```\nold\n```"), asked("```\nmine\n```"), answered("```\na\n```\n\n```c\nb\n\nc\n```")
    ).document
    assert sources.code(document) == "b\n\nc"
    assert [fence.source for fence in sources.codes(document, 2)] == ["a", "b\n\nc"]
    assert [fence.source for fence in sources.codes(document, 0)] == ["old"]
    assert sources.codes(document, 1) == []
    assert sources.code(page(asked()).document) == ""
    assert sources.links(page(asked()).document) == []

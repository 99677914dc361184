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


def test_every_address_once_and_only_those_a_terminal_may_be_told():
    found = sources.links(page(answered("[old](https://old.example)"), asked(), answered(LINKS)).document)
    assert [target for _, target in found] == [
        "https://example.org/docs",
        "https://bare.example/x",
        "mailto:me@example.org",
        "http://example.org/cell",
        "https://example.org/named",
    ]
    assert ("cell", "http://example.org/cell") in found


def test_code_is_the_last_block_of_the_newest_answer():
    document = page(
        answered("```\nold\n```"), asked("```\nmine\n```"), answered("```\na\n```\n\n```c\nb\n\nc\n```")
    ).document
    assert sources.code(document) == "b\n\nc"
    assert sources.code(page(asked()).document) == ""
    assert sources.links(page(asked()).document) == []

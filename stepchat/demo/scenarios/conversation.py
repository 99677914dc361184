"""The ordinary conversation: readable answers, which say whether the reasoning was sent back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.demo.steps import Finish, Say, reasoning_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.demo.steps import ScenarioRequest, Script, Step

_TOPICS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("prime", "sieve", "python", "code", "function", "program", "count"), "primes"),
    (("compare", "table", "versus", " vs", "difference", "choose"), "compare"),
    (("translate", "language", "chinese", "japanese", "emoji", "unicode", "日本", "中文", "한국"), "languages"),
    (("haiku", "poem", "verse"), "haiku"),
    (("reasoning", "remember", "round trip", "roundtrip", "send back", "sent back"), "roundtrip"),
)
QUESTIONS = (
    "How many primes are there below 10,000, and how would you count them?",
    "Compare three ways to store a text that grows",
    "Show me everything that an answer can contain",
)
"""The questions that the demo's welcome offers, one per topic."""
_BY_TURN = ("roundtrip", "primes", "compare", "languages", "haiku")


def conversation(ask: ScenarioRequest) -> Iterator[Step]:
    """Play the topic that the question mentions; otherwise the welcome first, then the others in turn."""
    asked = f" {ask.question.lower()}"
    named = next((topic for words, topic in _TOPICS if any(word in asked for word in words)), None)
    topic = named or ("welcome" if ask.turn <= 1 else _BY_TURN[(ask.turn - 2) % len(_BY_TURN)])
    yield from _SCRIPTS[topic](ask)


def welcome(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, WELCOME_THOUGHT, WELCOME)


def primes(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, PRIMES_THOUGHT, PRIMES)


def compare(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, COMPARE_THOUGHT, COMPARE)


def languages(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, LANGUAGES_THOUGHT, LANGUAGES)


def haiku(ask: ScenarioRequest) -> Iterator[Step]:
    yield from _answer(ask, HAIKU_THOUGHT, HAIKU)


def roundtrip(ask: ScenarioRequest) -> Iterator[Step]:
    yield from reasoning_steps(ask, _opening(ask) + ROUNDTRIP_THOUGHT)
    yield Say(f"{round_trip(ask) or FIRST_TURN}\n\n{ROUNDTRIP}")
    yield Finish()


_SCRIPTS: dict[str, Script] = {
    "welcome": welcome,
    "primes": primes,
    "compare": compare,
    "languages": languages,
    "haiku": haiku,
    "roundtrip": roundtrip,
}


def _answer(ask: ScenarioRequest, thought: str, text: str) -> Iterator[Step]:
    yield from reasoning_steps(ask, _opening(ask) + thought)
    yield Say(text)
    if report := round_trip(ask):
        yield Say(f"\n---\n\n{report}\n")
    yield Finish()


def _opening(ask: ScenarioRequest) -> str:
    """The beginning of the reasoning: the question, and what came back of the earlier turns."""
    words = " ".join(ask.question.split())
    short = words if len(words) <= 160 else f"{words[:160].rstrip()} …"
    opening = f"The user writes: “{short}”.\n\n"
    back = ask.returned
    if back.characters:
        opening += (
            f"This is turn {ask.turn}. My thoughts from before are here again, {back.characters:,} characters of them, "
            "so I can go on where I stopped.\n\n"
        )
    elif back.answers:
        opening += f"This is turn {ask.turn}, but my earlier thoughts did not come along; only what I said did.\n\n"
    return opening


def round_trip(ask: ScenarioRequest) -> str:
    """A paragraph about the reasoning that this request sent back; empty on a first turn."""
    back = ask.returned
    if not back.answers:
        return ""
    of = f"{back.with_reasoning} of {back.answers} earlier {'answer' if back.answers == 1 else 'answers'}"
    if not back.with_reasoning:
        return (
            f"**Round trip:** your request brought back the reasoning of {of}. A model would have to start from "
            "the visible words alone."
        )
    size = f"{back.entries} {'entry' if back.entries == 1 else 'entries'}, {back.characters:,} characters"
    match back.unchanged:
        case same if same == back.with_reasoning:
            verdict = "**exactly as I sent it**"
        case 0:
            verdict = "but not as anything I have sent since I was started, so I cannot compare"
        case some:
            verdict = f"{some} of them exactly as I sent them"
    return f"**Round trip:** your request brought back the reasoning of {of}: {size}, {verdict}."


# ---- texts

WELCOME_THOUGHT = """\
I am the demo server: a set of scripts and no model, so I should not pretend to know the answer. What I can do is show \
what an answer looks like when it arrives, and say plainly that it was written beforehand.

What would be useful to see first? Probably one of each thing that an answer can hold: a heading, a list with something \
nested in it, a piece of code long enough to be worth highlighting, a small table, a quotation, a link. And a line in \
another script, because widths go wrong there before they go wrong anywhere else.

Order: start with what this is, so that nobody is misled. Then how to play with it, since that is what a curious reader \
wants next. The samples come last, where they can be skimmed.

Length: a screenful and a half. Long enough to scroll, short enough to read. I should also mention that these very \
thoughts will be sent back with the next question, and that I will check whether they were.

Let me write it."""

WELCOME = """\
## Hello from the demo

There is **no model behind this answer**. It comes from a small server inside the program, over real HTTP and at about \
the speed of a real model, so that you can see how everything works without a key and without a network.

### Three things to try

1. Ask something else. Words like *primes*, *compare*, *translate* or *haiku* lead to different answers.
2. Send `demo:help` for more scripts, among them
   - every kind of reasoning, such as `demo:details`,
   - every fault a server can have, such as `demo:drop at=40`; `demo:faults` lists them,
   - and `demo:long tokens=5000 speed=350` if you like to watch text go by.
3. Open the reasoning above this answer. It goes back with your next question, and I shall tell you whether it \
arrived unchanged.

### What answers are made of

> A quotation stands apart from the text around it.
> It may run over two lines.

Code has a language, and keeps its shape:

```python
from collections import Counter


def most_common_words(text: str, n: int = 3) -> list[tuple[str, int]]:
    \"\"\"The n words that occur most often.\"\"\"
    words = (word.strip(".,;:!?").lower() for word in text.split())
    return Counter(words).most_common(n)
```

Tables line up, also with wide characters in them:

| word | meaning | width |
|:-----|:--------|------:|
| river | running water | 5 |
| 河川 | the same, in Japanese | 4 |
| 🌊 | the same, in a hurry | 2 |

Formulas become text: $x = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}$, and $\\sum_{i=1}^{n} i = \\frac{n(n+1)}{2}$.

> [!TIP]
> `/formulas` shows them as TeX.

Inline there is *emphasis*, **strength**, ~~second thoughts~~, `code` and a [link](https://openrouter.ai/docs). That is \
all there is to it: ask away.
"""

PRIMES_THOUGHT = """\
Something with numbers and code, then. Counting primes is the classic, so let me do it properly.

Trial division up to the square root would do for small limits: for n = 10,000 it is at most 100 divisions each. But the \
sieve of Eratosthenes is simpler and much faster, because it never divides at all: it crosses out multiples.

Start crossing out at p², since every smaller multiple has a smaller prime factor and is gone already. Stop when p² > n. \
For n = 10,000 the last p is 97, because 101² = 10,201.

Check the counts that I remember: π(10) = 4 (2, 3, 5, 7). π(100) = 25. π(1,000) = 168. π(10,000) = 1,229. The prime number \
theorem says about n / ln n, so 10,000 / 9.21 = 1,086; a bit low, as it always is. The ratio 1,229 / 1,086 is 1.13, which \
fits.

Memory: a bytearray of n + 1, so 10 kB. Slice assignment does the crossing out in C. The length of the slice must match, \
so range(p * p, n + 1, p) gives the number of zeros.

Answer: the number first, then the code, then the table as evidence."""

PRIMES = """\
There are **1,229** primes below 10,000. The sieve of Eratosthenes counts them without a single division:

```python
def count_primes(limit: int) -> int:
    \"\"\"How many primes there are up to and including limit.\"\"\"
    if limit < 2:
        return 0
    sieve = bytearray([1]) * (limit + 1)
    sieve[0] = sieve[1] = 0
    for p in range(2, int(limit**0.5) + 1):
        if sieve[p]:
            # Smaller multiples of p have a smaller factor and are gone already.
            sieve[p * p :: p] = bytes(len(range(p * p, limit + 1, p)))
    return sum(sieve)


print(count_primes(10_000))  # 1229
```

How it compares with the estimate *n* / ln *n*:

| n | primes | estimate | ratio |
|-------:|------:|------:|-----:|
| 10 | 4 | 4 | 0.92 |
| 100 | 25 | 22 | 1.15 |
| 1,000 | 168 | 145 | 1.16 |
| 10,000 | 1,229 | 1,086 | 1.13 |

The ratio creeps towards 1, but slowly: even at 10¹² it is still 1.04.
"""

COMPARE_THOUGHT = """\
A comparison. Those go wrong when they list everything and decide nothing, so I want few rows, each of which could change \
somebody's mind, and a clear sentence at the end.

Since I cannot look anything up, I take a subject that does not change: the three ways to store a growing text while it \
arrives. Rewriting the whole file each time: simple, but the work grows with the square of the length. Appending to a \
log: quick, and safe if each record ends with a newline. A database with a write-ahead log: a little slower for each \
record, but it survives a crash without any code of ours, and several readers can look on.

Which columns? Cost of one step, what a crash loses, whether two processes may share it. The number of lines to write is \
tempting, but nobody has ever chosen a store by that.

Verdict: database for anything one would be sad to lose; the log for everything else. Rewriting never, except for small \
settings, where it is the best of the three because the file is always whole."""

COMPARE = """\
Suppose a text grows by a few words at a time, and must not get lost. There are three usual ways to keep it:

| way | one more word costs | after a crash | two processes |
|:----|:--------------------|:--------------|:-------------:|
| rewrite the file | as much as all words before it | old or new, if renamed into place | no |
| append to a log | next to nothing | the last line may be cut | with care |
| database with a write-ahead log | very little | everything committed is there | yes |

What decides:

- **Size.** Rewriting 1 MB a thousand times moves a gigabyte. For a settings file of 2 kB nobody will ever notice.
- **Sadness.** If losing the last second would hurt, commit it. The database does that with one `INSERT`.
- **Company.** As soon as a second program reads along, only the last row of the table stays simple.

> Choose the log for what you can do without, the database for what you cannot, and rewriting for what fits on one screen.
"""

LANGUAGES_THOUGHT = """\
Words in several scripts. The point is less the translation than that each line keeps its width: Chinese, Japanese and \
Korean take two cells a character, combining marks take none, and emoji joined by zero-width joiners should stay together.

A sentence that is short and the same everywhere: “The water is clear today.” Chinese: 今天的水很清。 Japanese: 今日は水が澄んで\
いる。 Korean: 오늘은 물이 맑다. Greek: Το νερό είναι καθαρό σήμερα. Thai has vowels above and below: วันนี้น้ำใส. Hindi joins its \
letters: आज पानी साफ़ है। Arabic and Hebrew run from right to left, which a terminal may or may not do.

I put them into a table, because a table shows at once when a width was counted wrongly."""

LANGUAGES = """\
*“The water is clear today”*, in a few scripts:

| language | sentence | note |
|:---------|:---------|:-----|
| Chinese | 今天的水很清。 | two cells a character |
| Japanese | 今日は水が澄んでいる。 | three scripts in one line |
| Korean | 오늘은 물이 맑다. | syllables in blocks |
| Greek | Το νερό είναι καθαρό σήμερα. | accents |
| Thai | วันนี้น้ำใส | marks above and below |
| Hindi | आज पानी साफ़ है। | joined letters |
| Arabic | الماء صافٍ اليوم | right to left |
| Polish | Woda jest dziś czysta, łódź płynie. | with a stroke |

Emoji may be one character or several: 🌊 is one, 🇳🇴 are two, 👩‍🚀 are three and 👨‍👩‍👧‍👦 are seven. And *café* can be \
written with four letters (café) or with five (cafe\u0301); both should look the same.

```text
全角文字　半角ﾓｼﾞ　ｍｉｘｅｄ
```
"""

HAIKU_THOUGHT = """\
A short poem. Five, seven, five; a season, a turn, no explanation.

Something about waiting for words to arrive, since that is what the reader is doing. Autumn? Rain at the window. \
“Rain on the window” is five: rain-on-the-win-dow. Then seven: “each drop arrives by itself”: each-drop-ar-rives-by-it-self. \
Seven, good. Then five: “soon there is a stream”: soon-there-is-a-stream. Five.

It even has a stream in it. Leave it there."""

HAIKU = """\
Rain on the window:
each drop arrives by itself,
soon there is a stream.
"""

FIRST_TURN = (
    "This is the first question of the conversation, so there was no earlier reasoning to bring back. Ask me again, "
    "and I shall count it."
)

ROUNDTRIP_THOUGHT = """\
They should learn what happened to my earlier thoughts. I can look at the request itself: each earlier assistant message \
either carries a list called reasoning_details or it does not. I kept a fingerprint of each list that I sent, so I can \
also tell whether one came back exactly, down to the spelling of its numbers.

Then a few words about why it matters, and no more than that."""

ROUNDTRIP = """\
Why that matters:

- A reasoning model that gets its earlier thoughts back **does not have to think them again**.
- Between tool calls it is more than a courtesy. Some models refuse to go on, with *400 Bad Request*, if a single entry of \
`reasoning_details` is missing or was edited.
- So the rule is simple: *send back what came, in order, unedited*.

In a request it looks like this:

```json
{
  "role": "assistant",
  "content": "Hello from the demo",
  "reasoning_details": [
    {"type": "reasoning.text", "text": "The user writes ...", "format": "unknown", "index": 0}
  ]
}
```
"""

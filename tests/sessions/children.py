"""Real processes for the tests of the store. Run as `python -m tests.sessions.children ROLE HOME [ARGUMENT]`.

Every line a child prints was true before it was printed: what it says is kept, is committed.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from stepchat.chat.accumulator import accumulate
from stepchat.chat.presets import save_preset
from stepchat.config.paths import Paths
from stepchat.errors import StoreError
from stepchat.events import Delta
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.sessions.importing.importer import import_file
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

ROOT = Path(__file__).parents[2]


def start_child(role: str, home: Path, argument: str = "") -> subprocess.Popen[str]:
    """A running child with its input and output open."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sessions.children", role, str(home), argument],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run_child(role: str, home: Path, argument: str = "") -> list[str]:
    """The lines of a child that ends by itself."""
    with start_child(role, home, argument) as child:
        out, _ = child.communicate()
    assert child.returncode == 0
    return out.splitlines()


def _say(text: str) -> None:
    print(text, flush=True)


async def _stream(store: SessionStore, session: str) -> None:
    """Ask and answer without end, until killed. Both channels, words numbered from 0."""
    parent = (await store.session(session)).leaf
    while True:
        asked = await store.append(session, parent, UserMessage("go on"))
        _say(f"asked {asked.id}")
        answer = await store.begin_answer(session, asked.id, AssistantMessage(model_asked="step"))
        _say(f"begun {answer}")
        for number in range(12):
            detail = {"type": "reasoning.text", "text": f"r{number} ", "index": 0, "n": number}
            deltas = [Delta(reasoning=f"r{number} ", details=(detail,)), Delta(text=f"t{number} ")]
            await store.add_part(answer, deltas)
            _say(f"part {answer} {number}")
        words = "".join(f"t{number} " for number in range(12))
        done = await store.finish_answer(answer, AssistantMessage(text=words, model_asked="step"))
        _say(f"done {answer}")
        parent = done.id


async def _write(store: SessionStore, argument: str) -> None:
    """Append thirty messages to a session, each below the one before, as fast as possible."""
    session, name = argument.split()
    parent: str | None = None
    sys.stdin.readline()
    for number in range(30):
        message = await store.append(session, parent, UserMessage(f"{name} {number}"))
        parent = message.id
        _say(message.id)


async def _presets(store: SessionStore, name: str) -> None:
    """Save thirty presets as fast as possible."""
    sys.stdin.readline()
    for number in range(30):
        await save_preset(store, f"{name}{number}", (("seed", number),))


async def _hold(store: SessionStore, session: str) -> None:
    """Begin an answer, wait for a line, finish it."""
    asked = await store.append(session, None, UserMessage("held"))
    answer = await store.begin_answer(session, asked.id, AssistantMessage())
    await store.add_part(answer, [Delta(text="half")])
    _say(answer)
    await asyncio.to_thread(sys.stdin.readline)
    await store.finish_answer(answer, AssistantMessage(text="whole"))
    _say("finished")


async def _limited(store: SessionStore, _: str) -> None:
    """Write until the system refuses larger files."""
    import resource

    session = await store.create(model="m", server="s", system=None)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    try:
        for number in range(1000):
            text = f"{number} " + "x" * 5000
            await store.append(session.id, None, UserMessage(text))
            _say(f"kept {text}")
    except StoreError as error:
        _say(str(error))


async def _busy(store: SessionStore, seed: str) -> None:
    """Everything that is done with sessions, in any order, without end, until killed. Says which messages are kept."""
    rng = random.Random(seed)
    sessions = [(await store.create(model="m", server="s", system=None)).id]
    while True:
        session = rng.choice(sessions)
        tree = [stored.id for stored in await store.messages(session)]
        at = rng.choice([None, *tree[-5:]])
        match rng.randrange(9):
            case 0 | 1 | 2:
                _say(f"kept {(await store.append(session, at, UserMessage(f'word{rng.randrange(50)}'))).id}")
            case 3:
                answer = await store.begin_answer(session, at, AssistantMessage())
                await store.add_part(answer, [Delta(text=f"word{rng.randrange(50)}")])
                _say(f"kept {answer}")
                if rng.random() < 0.7:
                    await store.finish_answer(answer, AssistantMessage(text=f"word{rng.randrange(50)}"))
            case 4 if at:
                sessions.append((await store.fork(session, at)).id)
            case 5:
                await store.set_leaf(session, at if rng.random() < 0.5 else await store.exchange_after(session, at))
            case 6:
                await store.set_title(session, rng.choice(["", "word1 title", "word2 title"]))
            case 7:
                await store.delete([session])
                await store.undelete([session])
            case _:
                await store.set_leaf(session, at)


async def _import(store: SessionStore, files: str) -> None:
    """Import one file after the other."""
    for path in sorted(Path(files).iterdir()):
        _say(f"begun {path.stem}")
        await import_file(store, path)
        _say(f"done {path.stem}")


async def _purge(store: SessionStore, _: str) -> None:
    """Keep the store open while it purges and builds its index."""
    _say("opened")
    await asyncio.Event().wait()


async def _nothing(store: SessionStore, _: str) -> None:
    _say("opened")


_ROLES: MappingProxyType[str, Callable[[SessionStore, str], Coroutine[Any, Any, None]]] = MappingProxyType(
    {
        "stream": _stream,
        "write": _write,
        "presets": _presets,
        "hold": _hold,
        "limited": _limited,
        "busy": _busy,
        "import": _import,
        "purge": _purge,
        "nothing": _nothing,
    }
)


async def _main(role: str, home: Path, argument: str) -> None:
    if role == "nothing":
        sys.stdin.readline()
    store = SessionStore.open(Paths(home, home, home), accumulate=accumulate)
    try:
        await _ROLES[role](store, argument)
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stepchat import lossless_json
from stepchat.chat.accumulator import accumulate
from stepchat.chat.presets import delete_preset, read_presets, save_preset
from stepchat.config.paths import Paths
from stepchat.errors import StoreError, UsageError
from stepchat.sessions.store import SessionStore
from tests.sessions.children import start_child

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SessionStore]:
    opened = SessionStore.open(Paths(tmp_path, tmp_path, tmp_path), accumulate=accumulate)
    yield opened
    await opened.close()


async def test_presets_are_saved_found_and_deleted(store):
    await save_preset(store, "dry", (("temperature", 0.5), ("top_k", None)))
    await save_preset(store, "wet", ())
    assert await read_presets(store) == {"dry": (("temperature", 0.5), ("top_k", None)), "wet": ()}
    await delete_preset(store, "dry")
    assert await read_presets(store) == {"wet": ()}
    for wrong in ("", "two words", "-x", "a=b"):
        with pytest.raises(UsageError, match="is not a valid preset name"):
            await save_preset(store, wrong, ())
    with pytest.raises(UsageError, match="There is no preset 'dry'"):
        await delete_preset(store, "dry")


async def test_what_this_version_does_not_know_stays_in_the_presets(store):
    newer = {"dry": {"new_one": 1, "temperature": 0.5, "seed": 3}, "odd": [1], "wet": {"new_two": {"a": 1}}}
    await store.set_setting("presets", lossless_json.dumps(newer))
    assert await read_presets(store) == {"dry": (("temperature", 0.5), ("seed", 3)), "wet": ()}
    await save_preset(store, "dry", (("temperature", 0.5), ("top_k", 2)))
    await save_preset(store, "wet", (("seed", 1),))
    kept = {"dry": {"new_one": 1, "temperature": 0.5, "top_k": 2}, "odd": [1], "wet": {"new_two": {"a": 1}, "seed": 1}}
    assert lossless_json.loads(await store.setting("presets") or "") == kept
    with pytest.raises(StoreError, match=r"preset odd in .* cannot be read"):
        await save_preset(store, "odd", ())
    await delete_preset(store, "wet")
    del kept["wet"]
    assert lossless_json.loads(await store.setting("presets") or "") == kept


@pytest.mark.parametrize("damaged", ["[broken", "[]", "3"])
async def test_presets_that_cannot_be_read_are_not_written_over(store, damaged):
    await store.set_setting("presets", damaged)
    for attempt in (read_presets(store), save_preset(store, "dry", ()), delete_preset(store, "dry")):
        with pytest.raises(StoreError, match=r"presets in .*sessions.db cannot be read .*row 'presets'.*Nothing was"):
            await attempt
    assert await store.setting("presets") == damaged


async def test_only_what_was_changed_in_a_preset_is_written(store):
    before = (("seed", 1), ("top_k", 2))
    await save_preset(store, "dry", before)
    await save_preset(store, "dry", (("seed", 1), ("top_k", 3)), before)
    # This window had read it before.
    await save_preset(store, "dry", (("top_k", 2), ("seed", 4)), before)
    assert await read_presets(store) == {"dry": (("top_k", 3), ("seed", 4))}


async def test_presets_saved_by_two_programs_are_all_there(store, tmp_path):
    children = [start_child("presets", tmp_path, name) for name in ("a", "b")]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.communicate()
        assert child.returncode == 0
    assert sorted(await read_presets(store)) == sorted(f"{name}{number}" for name in "ab" for number in range(30))

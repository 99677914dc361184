from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.errors import UsageError
from stepchat.parameters.scopes import (
    SCOPES,
    ResolvedSetting,
    Scopes,
    from_stored,
    set_value,
    set_values,
    to_request,
    update_stored,
)

NAMES = st.sampled_from(["temperature", "seed", "reasoning", "reasoning.exclude", "reasoning.new", "provider.sort"])
VALUES = {
    "temperature": st.floats(0, 2),
    "seed": st.integers(),
    "reasoning": st.sampled_from([{}, {"exclude": True}, {"new": 1}]),
    "reasoning.exclude": st.booleans(),
    "reasoning.new": st.integers(0, 3),
    "provider.sort": st.sampled_from(["price", "latency"]),
}
PAIRS = NAMES.flatmap(lambda name: st.tuples(st.just(name), st.none() | VALUES[name]))
LAYERS = st.lists(PAIRS, max_size=4).map(tuple)
ALL = st.builds(Scopes, config=LAYERS, profile=LAYERS, preset=LAYERS, session=LAYERS, once=LAYERS)


def test_the_stronger_scope_wins_and_says_so():
    scopes = Scopes()
    for number, scope in enumerate(SCOPES):
        scopes = scopes.with_setting(scope, "seed", number)
        assert scopes.request() == {"seed": number}
        assert scopes.resolve("seed") == ResolvedSetting(number, scope)
    assert scopes.resolve("temperature") == ResolvedSetting()


def test_unset_in_a_stronger_scope_hides_a_weaker_one():
    scopes = Scopes(config=(("temperature", 0.5),)).with_setting("session", "temperature", None)
    assert scopes.request() == {}
    assert scopes.resolve("temperature") == ResolvedSetting(None, "session")
    assert scopes.without("session", "temperature").resolve("temperature") == ResolvedSetting(0.5, "config")


def test_unsetting_what_no_other_scope_sets_leaves_nothing_behind():
    scopes = Scopes().with_setting("session", "temperature", 1.0).with_setting("session", "temperature", None)
    assert scopes == Scopes()


def test_maps_and_their_entries_in_different_scopes():
    scopes = Scopes(config=(("reasoning", {"effort": "low", "exclude": True}),))
    scopes = scopes.with_setting("session", "reasoning.effort", "high")
    assert scopes.request() == {"reasoning": {"effort": "high", "exclude": True}}
    assert scopes.resolve("reasoning.effort") == ResolvedSetting("high", "session")
    assert scopes.resolve("reasoning.exclude") == ResolvedSetting(True, "config")
    assert scopes.resolve("reasoning").scope == "session"
    whole = scopes.with_setting("once", "reasoning", {"max_tokens": 2000})
    assert whole.request() == {"reasoning": {"max_tokens": 2000}}
    assert whole.resolve("reasoning.effort") == ResolvedSetting(None, "once")


def test_the_whole_replaces_its_entries_in_the_same_scope():
    assert set_value((("reasoning.effort", "low"), ("seed", 1)), "reasoning", {}) == (("seed", 1), ("reasoning", {}))
    assert set_values((("seed", 1),), [("seed", 2), ("top_k", 3)]) == (("seed", 2), ("top_k", 3))


def test_what_does_not_go_together_is_refused_across_scopes():
    scopes = Scopes(config=(("reasoning.effort", "high"),))
    with pytest.raises(UsageError, match="exclude each other"):
        scopes.with_setting("session", "reasoning.max_tokens", 100)
    freed = scopes.with_setting("session", "reasoning.effort", None)
    assert freed.with_setting("session", "reasoning.max_tokens", 100).checked() == {"reasoning": {"max_tokens": 100}}


@given(ALL)
def test_the_request_is_the_layers_one_after_the_other(scopes):
    flat = [pair for scope in SCOPES for pair in scopes.settings_of(scope)]
    assert scopes.request() == to_request(flat)


@given(ALL, st.sampled_from(SCOPES), NAMES)
def test_without_and_with(scopes, scope, name):
    without = scopes.without(scope, name)
    assert without.resolve(name).scope != scope or any(
        name.startswith(f"{other}.") for other, _ in scopes.settings_of(scope)
    )
    unset = scopes.with_setting(scope, name, None)
    if scope == "once":
        assert unset.resolve(name).value is None


@given(LAYERS)
def test_stored_and_read_back(pairs):
    settings = set_values((), pairs)
    assert from_stored(lossless_json.loads(lossless_json.dumps(update_stored({}, (), settings)))) == settings


@given(LAYERS, LAYERS)
def test_a_change_on_disk_comes_to_what_it_should_be(pairs, more):
    before, after = set_values((), pairs), set_values((), more)
    kept = {"heat": 1} | update_stored({}, (), before)
    changed = update_stored(kept, before, after)
    assert from_stored(changed) == after
    assert changed["heat"] == 1


def test_a_change_on_disk_is_only_what_was_changed():
    before = (("seed", 1), ("top_k", 2), ("min_p", 0.5))
    # Elsewhere meanwhile: top_k is another, min_p is gone, top_a is new.
    kept = {"seed": 1, "heat": 1, "top_k": 7, "top_a": 1}
    after = (("top_k", 2), ("min_p", 0.5), ("seed", 3))
    assert update_stored(kept, before, after) == {"heat": 1, "top_k": 7, "top_a": 1, "seed": 3}


def test_what_is_not_known_or_wrong_is_not_taken_from_the_disk():
    assert from_stored({"heat": 1, "temperature": 9, "seed": 1, "top_k": None}) == (("seed", 1), ("top_k", None))

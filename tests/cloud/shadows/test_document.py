"""Shadow documents: merge, versions, deltas and limits."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.shadows.document import (
    MAX_REQUEST_BYTES,
    Change,
    Section,
    Shadow,
    ShadowError,
    apply,
    delta_of,
    depth_of,
    merge,
    read_change,
    whole,
)

EMPTY = Section({}, {})
LEAVES = st.one_of(
    st.booleans(), st.integers(-5, 5), st.text("ab", max_size=2), st.lists(st.integers(0, 2))
)
KEYS = st.sampled_from("abc")
STATES = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=3),
    lambda inner: st.dictionaries(KEYS, st.one_of(LEAVES, inner), max_size=3),
    max_leaves=8,
)
CHANGES = st.recursive(
    st.dictionaries(KEYS, st.one_of(st.none(), LEAVES), max_size=3),
    lambda inner: st.dictionaries(KEYS, st.one_of(st.none(), LEAVES, inner), max_size=3),
    max_leaves=8,
)


def _section(state: dict[str, Any]) -> Section:
    return merge(EMPTY, state, 1)


def _leaves(node: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if not isinstance(node, dict):
        return {path: node}
    return {leaf: value for key in node for leaf, value in _leaves(node[key], (*path, key)).items()}


@given(STATES, CHANGES)
def test_merging_twice_is_merging_once(state: dict[str, Any], change: dict[str, Any]) -> None:
    """An update that is delivered again changes nothing more."""
    once = merge(_section(state), change, 2)

    assert merge(once, change, 2) == once


@given(STATES, CHANGES)
def test_merge_changes_only_what_is_named(state: dict[str, Any], change: dict[str, Any]) -> None:
    """A key that the change does not name keeps its value and its time."""
    before = _section(state)

    after = merge(before, change, 2)

    for key in set(state) - set(change):
        assert after.state[key] == before.state[key]
        assert after.metadata[key] == before.metadata[key]
    assert all(key not in after.state for key, value in change.items() if value is None)


@given(STATES, CHANGES)
def test_every_leaf_has_its_time(state: dict[str, Any], change: dict[str, Any]) -> None:
    """The metadata has the shape of the state, and no null is ever kept."""
    after = merge(_section(state), change, 2)

    assert None not in _leaves(after.state).values()
    assert _shape(after.metadata) == _shape_of_state(after.state)


def _shape(metadata: Any) -> Any:
    if isinstance(metadata, list):
        return [_shape(one) for one in metadata]
    if set(metadata) == {"timestamp"} and isinstance(metadata["timestamp"], int):
        return "leaf"
    return {key: _shape(value) for key, value in metadata.items()}


def _shape_of_state(state: Any) -> Any:
    if isinstance(state, list):
        return [_shape_of_state(one) for one in state]
    if isinstance(state, dict):
        return {key: _shape_of_state(value) for key, value in state.items()}
    return "leaf"


@given(STATES, STATES)
def test_reporting_the_delta_leaves_none(desired: dict[str, Any], reported: dict[str, Any]) -> None:
    """A hub that does what the delta says and reports it is asked for nothing more."""
    shadow = Shadow(1, _section(desired), _section(reported))

    delta = delta_of(shadow).state
    after = delta_of(shadow._replace(reported=merge(shadow.reported, delta, 2)))

    assert after.state == {}


@given(STATES)
def test_what_is_reported_as_desired_is_no_difference(state: dict[str, Any]) -> None:
    """Nor is anything that is reported besides."""
    shadow = Shadow(1, _section(state), merge(_section(state), {"besides": 1}, 1))

    assert delta_of(shadow).state == {}


def test_delta_knows_true_from_one() -> None:
    """JSON's true and 1 are different values."""
    shadow = Shadow(1, _section({"a": True}), _section({"a": 1}))

    assert delta_of(shadow).state == {"a": True}


def test_wrong_version_is_a_conflict() -> None:
    """An update that names another version than the shadow's is refused with 409."""
    shadow = apply(Shadow(), Change({"a": 1}, None, frozenset(), None, None), 1)

    with pytest.raises(ShadowError) as caught:
        apply(shadow, Change({"a": 2}, None, frozenset(), 7, "t"), 2)

    assert (caught.value.code, caught.value.token) == (409, "t")


def test_null_takes_a_section_away() -> None:
    """`"desired": null` empties what is desired and leaves what is reported."""
    first = read_change(b'{"state": {"desired": {"a": 1}, "reported": {"b": 2}}}')
    shadow = apply(Shadow(), first, 1)

    after = apply(shadow, read_change(b'{"state": {"desired": null}}'), 2)

    assert whole(after)["state"] == {"reported": {"b": 2}}
    assert after.version == 2


@pytest.mark.parametrize(
    ("payload", "code", "words"),
    [
        (b"[", 400, "Invalid JSON"),
        (b"[]", 400, "Invalid JSON"),
        (b"{}", 400, "Missing required node"),
        (b'{"state": 1}', 400, "must be an object"),
        (b'{"state": {"desired": 1}}', 400, "Desired node"),
        (b'{"state": {"wished": {}}}', 400, "invalid node"),
        (b'{"state": {}, "version": "1"}', 400, "Invalid version"),
        (b'{"state": {}, "version": true}', 400, "Invalid version"),
        (b'{"state": {}, "clientToken": 5}', 400, "Invalid clientToken"),
        (b'{"state": {"reported": ' + b'{"a":' * 9 + b"1" + b"}" * 9 + b"}}", 400, "levels"),
        (b'{"state": ' * 3000 + b"1" + b"}" * 3000, 413, "maximum size"),
        (b"[" * 10_000, 400, "Invalid JSON"),
        (b"x" * (MAX_REQUEST_BYTES + 1), 413, "maximum size"),
    ],
)
def test_bad_update_is_refused_with_its_reason(payload: bytes, code: int, words: str) -> None:
    """Whatever is wrong with it, it has AWS IoT's code and a message."""
    with pytest.raises(ShadowError, match=words) as caught:
        read_change(payload)

    assert caught.value.code == code


def test_eight_levels_pass() -> None:
    """The deepest state that is allowed."""
    state: dict[str, Any] = {"a": 1}
    for _ in range(7):
        state = {"a": state}

    change = read_change(json.dumps({"state": {"reported": state}}).encode())

    assert change.reported is not None
    assert depth_of(change.reported) == 8


def test_what_the_cloud_desires_has_no_more_levels_than_what_hubs_say() -> None:
    """It comes by no message, and a hub could not report it back."""
    state: dict[str, Any] = {"a": 1}
    for _ in range(8):
        state = {"a": state}

    with pytest.raises(ShadowError, match="levels") as caught:
        apply(Shadow(), Change(state, None, frozenset(), None, None), 1)

    assert caught.value.code == 400


def test_state_over_8_kilobytes_is_refused() -> None:
    """What counts is the state that results, not the one update."""
    change = read_change(json.dumps({"state": {"reported": {"a": "x" * 5_000}}}).encode())
    shadow = apply(Shadow(), change, 1)
    more = read_change(json.dumps({"state": {"desired": {"b": "x" * 5_000}}}).encode())

    with pytest.raises(ShadowError) as caught:
        apply(shadow, more, 2)

    assert caught.value.code == 413

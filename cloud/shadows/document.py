"""Shadow documents: merge, versions, deltas and limits, as AWS IoT has them. Pure.

A shadow has two sections, `desired` and `reported`. An update names only what changes; null takes a
key away. Every leaf has the time at which it was last set beside it, in the metadata.
"""

from typing import Any, NamedTuple

import msgspec

from shared.shadows import MAX_SHADOW_BYTES, MAX_SHADOW_DEPTH

Node = dict[str, Any]
"""A JSON object; its values are what msgspec decodes JSON to."""

MAX_REQUEST_BYTES = 2 * MAX_SHADOW_BYTES
"""A whole document, with room for names, tokens and spaces; nothing longer is decoded."""

MAX_TOKEN_BYTES = 64
"""AWS IoT's limit of a clientToken."""

BAD_REQUEST = 400
FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
TOO_LARGE = 413
TOO_MANY = 429


class ShadowError(Exception):
    """A request that is refused; `code` as in HTTP."""

    def __init__(self, code: int, message: str, token: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.token = token


class Section(NamedTuple):
    """`desired` or `reported`: the state, and the metadata of the same shape."""

    state: Node
    metadata: Node


class Shadow(NamedTuple):
    """One shadow; `version` 0 was never written, and stays remembered over a deletion."""

    version: int = 0
    desired: Section = Section({}, {})
    reported: Section = Section({}, {})
    is_deleted: bool = True


class Change(NamedTuple):
    """An update as asked for: a section that is None stays, unless `clears` names it."""

    desired: Node | None
    reported: Node | None
    clears: frozenset[str]
    version: int | None
    token: str | None


def read_token(payload: bytes) -> str | None:
    """Read the clientToken of a request; raises ShadowError where the request is no JSON object."""
    return _token(_object(payload))


def read_change(payload: bytes) -> Change:
    """Read an update; raises ShadowError with AWS IoT's code for what is wrong with it."""
    document = _object(payload)
    token = _token(document)
    version = document.get("version")
    if version is not None and (type(version) is not int or version < 0):
        raise ShadowError(BAD_REQUEST, "Invalid version", token)
    state = document.get("state")
    if not isinstance(state, dict):
        missing = "Missing required node: state"
        message = "State node must be an object" if "state" in document else missing
        raise ShadowError(BAD_REQUEST, message, token)
    if not set(state) <= {"desired", "reported"}:
        raise ShadowError(BAD_REQUEST, "State contains an invalid node", token)
    sections: dict[str, Node | None] = {}
    clears = frozenset(name for name, value in state.items() if value is None)
    for name in ("desired", "reported"):
        value = state.get(name)
        if value is not None and not isinstance(value, dict):
            raise ShadowError(BAD_REQUEST, f"{name.capitalize()} node must be an object", token)
        if value is not None and depth_of(value) > MAX_SHADOW_DEPTH:
            raise ShadowError(BAD_REQUEST, _too_deep(), token)
        sections[name] = value
    return Change(sections["desired"], sections["reported"], clears, version, token)


def apply(shadow: Shadow, change: Change, now_s: int) -> Shadow:
    """Make the shadow that an update leads to; raises ShadowError, and then nothing has changed."""
    if change.version is not None and change.version != shadow.version:
        raise ShadowError(CONFLICT, "Version conflict", change.token)
    desired = _updated(shadow.desired, change.desired, now_s, clear="desired" in change.clears)
    reported = _updated(shadow.reported, change.reported, now_s, clear="reported" in change.clears)
    if len(msgspec.json.encode([desired.state, reported.state])) > MAX_SHADOW_BYTES:
        message = f"The state would take over {MAX_SHADOW_BYTES} bytes"
        raise ShadowError(TOO_LARGE, message, change.token)
    for section in (desired, reported):
        if depth_of(section.state) > MAX_SHADOW_DEPTH:
            raise ShadowError(BAD_REQUEST, _too_deep(), change.token)
    return Shadow(shadow.version + 1, desired, reported, is_deleted=False)


def merge(section: Section, change: Node, now_s: int) -> Section:
    """Put a change over a section: objects key by key; null removes, all else replaces."""
    state, metadata = dict(section.state), dict(section.metadata)
    for key, value in change.items():
        if value is None:
            state.pop(key, None)
            metadata.pop(key, None)
        elif isinstance(value, dict):
            old = state.get(key)
            inner = Section(old, metadata[key]) if isinstance(old, dict) else Section({}, {})
            state[key], metadata[key] = merge(inner, value, now_s)
        else:
            state[key], metadata[key] = value, _stamp(value, now_s)
    return Section(state, metadata)


def delta_of(shadow: Shadow) -> Section:
    """Find what is desired and not so reported; what is only reported is no difference."""
    return _difference(shadow.desired, shadow.reported.state)


def depth_of(value: object) -> int:
    """Count the levels of objects and lists; a leaf has none, {} has one."""
    deepest, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        deepest += 1
        level = [
            inner for one in level for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return deepest


def whole(shadow: Shadow) -> Node:
    """Write state, metadata and version as documents carry them; an empty section is left out."""
    sections = {"desired": shadow.desired, "reported": shadow.reported}
    return {
        "state": {name: one.state for name, one in sections.items() if one.state},
        "metadata": {name: one.metadata for name, one in sections.items() if one.state},
        "version": shadow.version,
    }


def _updated(section: Section, change: Node | None, now_s: int, *, clear: bool) -> Section:
    if clear:
        return Section({}, {})
    return section if change is None else merge(section, change, now_s)


def _difference(desired: Section, reported: Node) -> Section:
    state: Node = {}
    metadata: Node = {}
    for key, value in desired.state.items():
        other = reported.get(key)
        if key in reported and _is_same(value, other):
            continue
        if isinstance(value, dict) and isinstance(other, dict):
            inner = _difference(Section(value, desired.metadata[key]), other)
            if inner.state:
                state[key], metadata[key] = inner
        else:
            state[key], metadata[key] = value, desired.metadata[key]
    return Section(state, metadata)


def _is_same(one: object, other: object) -> bool:
    """JSON's equality: true is not 1."""
    return one == other and msgspec.json.encode(one) == msgspec.json.encode(other)


def _stamp(value: object, now_s: int) -> object:
    if isinstance(value, list):
        return [_stamp(one, now_s) for one in value]
    if isinstance(value, dict):
        return {key: _stamp(one, now_s) for key, one in value.items()}
    return {"timestamp": now_s}


def _object(payload: bytes) -> Node:
    if len(payload) > MAX_REQUEST_BYTES:
        raise ShadowError(TOO_LARGE, "The payload exceeds the maximum size allowed")
    if not payload:
        return {}
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ShadowError(BAD_REQUEST, "Invalid JSON") from error
    if not isinstance(document, dict):
        raise ShadowError(BAD_REQUEST, "Invalid JSON")
    return document


def _token(document: Node) -> str | None:
    token = document.get("clientToken")
    if token is not None and (not isinstance(token, str) or len(token.encode()) > MAX_TOKEN_BYTES):
        raise ShadowError(BAD_REQUEST, "Invalid clientToken")
    return token


def _too_deep() -> str:
    return f"JSON contains too many levels of nesting; maximum is {MAX_SHADOW_DEPTH}"

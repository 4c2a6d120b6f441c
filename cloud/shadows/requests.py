"""What hubs ask of their shadows over MQTT, and its answers: get, update, delete.

Knows nothing of connections: it is given the topic and the payload, and returns what to publish
once it has returned, which is after the commit. The tariff's shadow is not here: ingest answers it
(cloud/tariffs/shadow.py), and nobody but the cloud may change it.
"""

import re
from typing import NamedTuple

import msgspec

from cloud.db import Database
from cloud.households.revocations import find_revocation
from cloud.shadows import repository
from cloud.shadows.document import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    Change,
    Node,
    Section,
    Shadow,
    ShadowError,
    apply,
    delta_of,
    read_change,
    read_token,
    whole,
)
from shared import topics
from shared.units import MS_PER_SECOND

Publication = tuple[str, bytes]
"""A topic and a payload."""

OPERATIONS = ("get", "update", "delete")
SHADOW_NAME = re.compile(r"[A-Za-z0-9:_-]{1,64}")
_TOPIC = re.compile(
    r"\$aws/things/(?P<thing>[^/]+)/shadow(?:/name/(?P<name>[^/]+))?/(?P<operation>[a-z]+)"
)


class Asked(NamedTuple):
    """A request's topic, taken apart; `name` is "" for the classic shadow."""

    thing: str
    name: str
    operation: str
    topic: str

    @property
    def base(self) -> str:
        """The topic that all of this shadow's begin with."""
        return self.topic.rsplit("/", 1)[0]


def read_topic(topic: str) -> Asked | None:
    """Take a request's topic apart; None for an answer, or any other topic."""
    found = _TOPIC.fullmatch(topic)
    if found is None or found["operation"] not in OPERATIONS:
        return None
    return Asked(found["thing"], found["name"] or "", found["operation"], topic)


class ShadowDesk:
    """Answers shadow requests; any number of processes may each have one on one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def answer(self, thing: str, topic: str, payload: bytes, now_ms: int) -> list[Publication]:
        """Answer one request; nothing where it is none, or the hub is revoked.

        Nothing in a payload makes it raise: what is refused is answered with the reason.
        """
        asked = read_topic(topic)
        if asked is None or asked.thing != thing or thing.startswith(topics.CLAIM_PREFIX):
            return []
        if asked.name == topics.TARIFF_SHADOW and asked.operation == "get":
            return []
        with self._database.reading() as connection:
            if find_revocation(connection, thing) is not None:
                return []
        token: str | None = None
        try:
            token = read_token(payload)
            self._check(asked)
            return self._carry_out(asked, payload, now_ms, token)
        except ShadowError as error:
            refusal = {"code": error.code, "message": error.message}
            return [(topics.rejected(topic), _document(refusal, now_ms, error.token or token))]

    def desire(self, thing: str, name: str, state: Node, now_ms: int) -> Shadow:
        """Put `state` in place of all that is desired of a thing; `tell` lets it know.

        Raises ShadowError where the shadow would be too large.
        """
        with self._database.writing() as connection:
            kept = repository.lock_shadow(connection, thing, name, now_ms)
            emptied = kept.shadow._replace(desired=Section({}, {}))
            change = Change(state, None, frozenset(), None, None)
            changed = apply(emptied, change, now_ms // MS_PER_SECOND)
            repository.write_shadow(connection, kept._replace(shadow=changed), now_ms)
        return changed

    def tell(self, now_ms: int) -> list[Publication]:
        """Write the deltas of what the cloud changed since the last call; call it each second."""
        with self._database.reading() as connection:
            if not repository.untold(connection):
                return []
        with self._database.writing() as connection:
            due = repository.untold(connection)
            for kept in due:
                repository.note_told(connection, kept)
        said: list[Publication] = []
        for kept in due:
            base = topics.shadow_branch(kept.thing).removesuffix("/#")
            said += _delta(f"{base}/name/{kept.name}" if kept.name else base, kept.shadow, now_ms)
        return said

    def _check(self, asked: Asked) -> None:
        if asked.name and not SHADOW_NAME.fullmatch(asked.name):
            raise ShadowError(BAD_REQUEST, f"{asked.name!r} is no name of a shadow")
        if asked.name == topics.TARIFF_SHADOW:
            raise ShadowError(FORBIDDEN, "the tariff is set at the cloud alone")

    def _carry_out(
        self, asked: Asked, payload: bytes, now_ms: int, token: str | None
    ) -> list[Publication]:
        if asked.operation == "get":
            return self._get(asked, now_ms, token)
        if asked.operation == "delete":
            return self._delete(asked, now_ms, token)
        return self._update(asked, read_change(payload), now_ms)

    def _get(self, asked: Asked, now_ms: int, token: str | None) -> list[Publication]:
        with self._database.reading() as connection:
            kept = repository.read_shadow(connection, asked.thing, asked.name)
        if kept is None or kept.shadow.is_deleted:
            raise _missing(asked)
        document, delta = whole(kept.shadow), delta_of(kept.shadow)
        if delta.state:
            document["state"] = {**document["state"], "delta": delta.state}
        return [(topics.accepted(asked.topic), _document(document, now_ms, token))]

    def _delete(self, asked: Asked, now_ms: int, token: str | None) -> list[Publication]:
        with self._database.writing() as connection:
            kept = repository.lock_shadow(connection, asked.thing, asked.name, now_ms)
            if kept.shadow.is_deleted:
                raise _missing(asked)
            version = kept.shadow.version
            gone = kept._replace(shadow=Shadow(version), told_version=version)
            repository.write_shadow(connection, gone, now_ms)
        return [(topics.accepted(asked.topic), _document({"version": version}, now_ms, token))]

    def _update(self, asked: Asked, change: Change, now_ms: int) -> list[Publication]:
        with self._database.writing() as connection:
            kept = repository.lock_shadow(connection, asked.thing, asked.name, now_ms)
            before = kept.shadow
            after = apply(before, change, now_ms // MS_PER_SECOND)
            told = kept._replace(shadow=after, told_version=after.version)
            repository.write_shadow(connection, told, now_ms)
        said = [(topics.accepted(asked.topic), _accepted(change, after, now_ms))]
        said += _delta(asked.base, after, now_ms, change.token)
        both = {"previous": whole(before), "current": whole(after)}
        said.append((f"{asked.topic}/documents", _document(both, now_ms, change.token)))
        return said


def _accepted(change: Change, after: Shadow, now_ms: int) -> bytes:
    """Write the answer to an update: what it asked for, and the metadata of just that."""
    asked = {"desired": change.desired, "reported": change.reported}
    state: Node = dict.fromkeys(change.clears)
    state |= {name: value for name, value in asked.items() if value is not None}
    sections = {"desired": after.desired, "reported": after.reported}
    metadata = {
        name: _named(sections[name].metadata, value)
        for name, value in asked.items()
        if value is not None
    }
    document = {"state": state, "metadata": metadata, "version": after.version}
    return _document(document, now_ms, change.token)


def _named(metadata: Node, change: Node) -> Node:
    """Pick the metadata of what a change named."""
    return {
        key: _named(metadata[key], value) if isinstance(value, dict) else metadata[key]
        for key, value in change.items()
        if value is not None
    }


def _delta(base: str, shadow: Shadow, now_ms: int, token: str | None = None) -> list[Publication]:
    delta = delta_of(shadow)
    if not delta.state:
        return []
    document = {"state": delta.state, "metadata": delta.metadata, "version": shadow.version}
    return [(f"{base}/update/delta", _document(document, now_ms, token))]


def _missing(asked: Asked) -> ShadowError:
    of = f"{asked.thing}~{asked.name}" if asked.name else asked.thing
    return ShadowError(NOT_FOUND, f"No shadow exists with name: '{of}'")


def _document(content: Node, now_ms: int, token: str | None) -> bytes:
    document = {**content, "timestamp": now_ms // MS_PER_SECOND}
    if token is not None:
        document["clientToken"] = token
    return msgspec.json.encode(document)

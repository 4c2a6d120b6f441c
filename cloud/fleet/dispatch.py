"""Which part answers which of AWS IoT's topics: provisioning here, a thing's branches by handlers.

Touches no network: a topic and its payload in, topics and payloads out, written after the commit.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from http import HTTPStatus

import msgspec

from cloud.db import Database
from cloud.fleet import records
from cloud.fleet.enrolment import Enrolment
from cloud.fleet.records import Status
from cloud.fleet.refusals import Refusal
from cloud.households.repository import lock_hub
from cloud.households.revocations import find_revocation
from cloud.jobs.execution import MAX_TOKEN_CHARS
from cloud.shadows.document import MAX_REQUEST_BYTES
from shared import topics
from shared.enrolment import CsrAccepted, RegisterAccepted
from shared.units import MS_PER_SECOND

Answers = list[tuple[str, bytes]]

Handler = Callable[[str, str, bytes, int], Answers]
"""Takes a thing, the topic it asked on, the payload and the time; returns what to publish.

It is called only for topics of `shadow_requests` and `jobs_requests`, never for a thing that is
revoked, and raises BadInputError for what cannot even be answered.
"""


TOO_MANY = "too many requests wait to be answered"


class Dispatcher:
    """Answers one message at a time; `handlers` are by branch: "shadow", "jobs"."""

    def __init__(
        self, database: Database, enrolment: Enrolment, handlers: Mapping[str, Handler]
    ) -> None:
        self._database = database
        self._enrolment = enrolment
        self._handlers = handlers
        self.counts: Counter[str] = Counter()

    def answer(self, topic: str, payload: bytes, now_ms: int) -> Answers:
        """Answer a request; raises BadInputError for what is no request of a hub's."""
        if topic == topics.CREATE_FROM_CSR:
            with self._database.writing() as connection:
                return self._said(topic, self._enrolment.create(connection, payload, now_ms))
        if topics.branch_of(topic):
            return self._answer_thing(topics.thing_of(topic), topic, payload, now_ms)
        asker = topics.template_of(topic)
        with self._database.writing() as connection:
            return self._said(topic, self._enrolment.register(connection, asker, payload, now_ms))

    def throttle(self, topic: str, payload: bytes, now_ms: int) -> Answers:
        """Refuse a request because its asker has too many; raises as `answer`.

        Nothing for a CSR: whose it is is not known before it is looked at.
        """
        if topic == topics.CREATE_FROM_CSR:
            return []
        branch = topics.branch_of(topic)
        if not branch:
            topics.template_of(topic)
            return self._said(topic, Refusal("too-many-requests", TOO_MANY))
        if not self._is_heard(topics.thing_of(topic), topic):
            return []
        document = {
            "code": "RequestThrottled" if branch == "jobs" else int(HTTPStatus.TOO_MANY_REQUESTS),
            "message": TOO_MANY,
            "timestamp": now_ms // MS_PER_SECOND,
            **_token_in(payload),
        }
        return [(topics.rejected(topic), msgspec.json.encode(document))]

    def _said(self, topic: str, answer: CsrAccepted | RegisterAccepted | Refusal) -> Answers:
        if isinstance(answer, Refusal):
            self.counts[answer.code] += 1
            return [(topics.rejected(topic), msgspec.json.encode(answer.rejected()))]
        self.counts[type(answer).__name__] += 1
        return [(topics.accepted(topic), msgspec.json.encode(answer))]

    def _answer_thing(self, thing: str, topic: str, payload: bytes, now_ms: int) -> Answers:
        if not self._is_heard(thing, topic):
            return []
        if topic == topics.shadow_update(thing, topics.HEALTH_SHADOW):
            self._note_certificate(thing, payload, now_ms)
        handler = self._handlers.get(topics.branch_of(topic))
        if handler is None:
            self.counts["unanswered"] += 1
            return []
        return handler(thing, topic, payload, now_ms)

    def _is_heard(self, thing: str, topic: str) -> bool:
        """Tell whether a thing is answered here; raises BadInputError where it is no hub."""
        topics.check_hub(thing)
        if topic == topics.shadow_get(thing, topics.TARIFF_SHADOW):
            return False  # ingest's workers answer this one
        with self._database.reading() as connection:
            is_revoked = find_revocation(connection, thing) is not None
        self.counts["revoked"] += is_revoked
        return not is_revoked

    def _note_certificate(self, thing: str, payload: bytes, now_ms: int) -> None:
        """Note which certificate a hub connects with, as it says itself: what came before is over.

        Only the hub can know: the broker tells nobody which certificate a connection showed.
        """
        not_after_ms = _reported_expiry_ms(payload)
        if not_after_ms is None:
            return
        with self._database.reading() as connection:
            active = records.list_of_thing(connection, thing, Status.ACTIVE)
        used = [
            one
            for one in active
            if abs(one.not_after_ms - not_after_ms) < MS_PER_SECOND and one.seen_at_ms is None
        ]
        if len(used) != 1:
            return
        with self._database.writing() as connection:
            lock_hub(connection, thing, now_ms)
            self.counts["seen"] += records.note_seen(connection, used[0], now_ms)


def _token_in(payload: bytes) -> dict[str, str]:
    """Find by what its asker knows a request that nobody has read."""
    if len(payload) > MAX_REQUEST_BYTES:
        return {}
    try:
        token = json.loads(payload)["clientToken"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    is_token = isinstance(token, str) and len(token) <= MAX_TOKEN_CHARS
    return {"clientToken": token} if is_token else {}


def _reported_expiry_ms(payload: bytes) -> int | None:
    """Read the expiry out of a report of health, whatever else that holds, if it has one."""
    if len(payload) > MAX_REQUEST_BYTES:
        return None  # the shadow's own part refuses it, with an answer
    try:
        found = json.loads(payload)["state"]["reported"]["certificate_expires_ms"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if type(found) is int else None

"""Which part answers what: handlers get their own branch, and nobody who is no hub."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.fleet.certificates import new_key
from cloud.fleet.dispatch import Answers, Dispatcher
from cloud.fleet.records import Status
from cloud.households.revocations import revoke
from cloud.shadows.document import MAX_REQUEST_BYTES
from shared import topics
from shared.errors import BadInputError
from tests.support.enrolling import SigningCloud, accepted, renewal_csr


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Iterator[SigningCloud]:
    cloud = SigningCloud(tmp_path)
    yield cloud
    cloud.close()


def echo(thing: str, topic: str, payload: bytes, now_ms: int) -> Answers:
    """Answer with what was asked."""
    return [(topics.accepted(topic), f"{thing} {now_ms} {payload!r}".encode())]


def dispatcher_of(cloud: SigningCloud, *branches: str) -> Dispatcher:
    """Make a dispatcher whose handlers say what they were asked."""
    return Dispatcher(cloud.database, cloud.enrolment, dict.fromkeys(branches, echo))


@pytest.mark.parametrize(
    ("topic", "branch"),
    [
        ("$aws/things/hub-a/shadow/get", "shadow"),
        ("$aws/things/hub-a/shadow/name/settings/update", "shadow"),
        ("$aws/things/hub-a/jobs/start-next", "jobs"),
        ("$aws/things/hub-a/jobs/job-1/update", "jobs"),
    ],
)
def test_handler_of_a_branch_is_asked(cloud: SigningCloud, topic: str, branch: str) -> None:
    """With the thing of the topic, the payload and the time; without one nobody answers."""
    asked = dispatcher_of(cloud, branch).answer(topic, b"x", 7)
    alone = dispatcher_of(cloud).answer(topic, b"x", 7)

    assert asked == [(f"{topic}/accepted", b"hub-a 7 b'x'")]
    assert alone == []


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("$aws/things/hub-a/shadow/name/settings/get", 429),
        ("$aws/things/hub-a/jobs/start-next", "RequestThrottled"),
    ],
)
def test_too_many_requests_are_refused_in_awss_words(
    cloud: SigningCloud, topic: str, code: int | str
) -> None:
    """With the token of the request, where it has one that can be read."""
    dispatcher = dispatcher_of(cloud, "shadow", "jobs")

    answers = [
        dispatcher.throttle(topic, payload, 7_000)
        for payload in (b'{"clientToken": "mine"}', b"[", b"x" * (MAX_REQUEST_BYTES + 1))
    ]

    documents = [json.loads(said) for ((_, said),) in answers]
    assert {where for ((where, _),) in answers} == {topics.rejected(topic)}
    assert {one["code"] for one in documents} == {code}
    assert [one.get("clientToken") for one in documents] == ["mine", None, None]


def test_too_many_requests_are_refused_to_whom_they_are_of(cloud: SigningCloud) -> None:
    """A claim by its template; nobody for a CSR, a revoked hub, what others answer, or no hub."""
    dispatcher = dispatcher_of(cloud, "shadow")
    with cloud.database.writing() as connection:
        revoke(connection, "hub-b", cloud.now_ms)
    silent = (
        topics.CREATE_FROM_CSR,
        "$aws/things/hub-b/shadow/get",
        topics.shadow_get("hub-a", topics.TARIFF_SHADOW),
    )

    ((where, said),) = dispatcher.throttle(topics.provision("claim-1"), b"", 0)

    assert where == topics.rejected(topics.provision("claim-1"))
    assert json.loads(said)["errorCode"] == "Throttled"
    assert [dispatcher.throttle(topic, b"", 0) for topic in silent] == [[], [], []]
    with pytest.raises(BadInputError):
        dispatcher.throttle("$aws/things/claim-1/shadow/get", b"", 0)


def test_tariff_is_left_to_ingest(cloud: SigningCloud) -> None:
    """Two answers to one question would differ one day."""
    topic = topics.shadow_get("hub-a", topics.TARIFF_SHADOW)

    assert dispatcher_of(cloud, "shadow").answer(topic, b"", 0) == []


@pytest.mark.parametrize("thing", ["claim-1", "cloud-api", "hub a"])
def test_who_is_no_hub_is_refused(cloud: SigningCloud, thing: str) -> None:
    """A claim has no shadow and no jobs, though the broker's patterns carry them."""
    with pytest.raises(BadInputError):
        dispatcher_of(cloud, "shadow").answer(topics.shadow_get(thing, "settings"), b"", 0)


def test_revoked_hub_is_not_answered(cloud: SigningCloud) -> None:
    """On a connection that is still open, too."""
    with cloud.database.writing() as connection:
        revoke(connection, "hub-a", 0)

    answers = dispatcher_of(cloud, "jobs").answer("$aws/things/hub-a/jobs/get", b"", 0)

    assert answers == []


@pytest.mark.parametrize(
    "topic",
    ["hearthlink/v1/hub-a/frames", "$aws/provisioning-templates/a/b/provision/json", "x", ""],
)
def test_other_topics_are_refused(cloud: SigningCloud, topic: str) -> None:
    """The service has not subscribed to them."""
    with pytest.raises(BadInputError):
        dispatcher_of(cloud).answer(topic, b"", 0)


def test_report_of_health_tells_which_certificate_is_in_use(cloud: SigningCloud) -> None:
    """The new one's expiry supersedes the old; the old one's, or none, changes nothing."""
    key, _ = cloud.provision("hub-a")
    cloud.pass_ms(1_000)
    created = accepted(cloud.create(renewal_csr(new_key(), "hub-a", key)))
    cloud.register("hub-a", created.certificate_ownership_token)
    new, old = cloud.records()
    topic = topics.shadow_update("hub-a", topics.HEALTH_SHADOW)
    seen = []

    for expiry in (None, "soon", 5, True, old.not_after_ms, new.not_after_ms, new.not_after_ms):
        report = {"state": {"reported": {"certificate_expires_ms": expiry}}}
        cloud.dispatcher.answer(topic, json.dumps(report).encode(), cloud.now_ms)
        seen.append([one.status for one in cloud.records()])

    assert seen[:5] == [[Status.ACTIVE, Status.ACTIVE]] * 5
    assert seen[5:] == [[Status.ACTIVE, Status.SUPERSEDED]] * 2


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b'{"state":null}', b"[" * 8_000])
def test_report_that_is_none_is_passed_on(cloud: SigningCloud, payload: bytes) -> None:
    """What is wrong with it is the handler's to say."""
    topic = topics.shadow_update("hub-a", topics.HEALTH_SHADOW)

    assert dispatcher_of(cloud, "shadow").answer(topic, payload, 0) != []


def test_report_that_is_too_long_is_left_to_the_shadow(cloud: SigningCloud) -> None:
    """It is not read for the certificate; the shadow's own part refuses it with an answer."""
    topic = topics.shadow_update("hub-a", topics.HEALTH_SHADOW)

    said = dispatcher_of(cloud, "shadow").answer(topic, b"x" * (MAX_REQUEST_BYTES + 1), 0)

    assert said != []

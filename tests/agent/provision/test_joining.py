"""Joining against a cloud in memory: the whole way, its refusals, and a cut at every step."""

import asyncio
import dataclasses
import stat
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.identity.certificates import make_csr
from agent.identity.folder import JOURNAL, IdentityFolder
from agent.identity.keys import FileKeyStore, pem_of
from agent.identity.place import Place
from agent.provision.joining import join
from agent.provision.renewing import renew
from agent.provision.steps import Shown
from shared.errors import OperatorError, RetryableError
from tests.support.fake_fleet import CLAIM, CODE, THING, YEAR_MS, EnrollingCloud, FakeApi
from tests.support.power import PowerCutError, cut_after


def joined(cloud: EnrollingCloud, state: Path, ticket: str | None = CLAIM) -> Place:
    """Join once."""
    return asyncio.run(join(cloud.tools(state), ticket))


def folder_of(state: Path) -> IdentityFolder:
    """The identity folder, as any process opens it."""
    return IdentityFolder(state / "identity", FileKeyStore())


def test_a_claim_becomes_an_identity_of_the_hubs_own(tmp_path: Path) -> None:
    """The certificate is the thing's, its key was made here and is private, and it was proved."""
    cloud = EnrollingCloud()

    place = joined(cloud, tmp_path)

    present = folder_of(tmp_path).current()
    assert present is not None
    assert (place.thing, present.facts.name) == (THING, THING)
    assert cloud.log == ["redeem", "csr claim-1", "register claim-1", "proved"]
    key = present.folder / "device.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_claim_is_forgotten_after_use(tmp_path: Path) -> None:
    """Nothing of code, claim key or journal is left in any file."""
    joined(EnrollingCloud(), tmp_path)

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any("claim" in path.name or path.name == JOURNAL for path in files)
    assert not any(CODE[:5].encode() in path.read_bytes() for path in files)


def test_every_step_is_told_once_in_its_order(tmp_path: Path) -> None:
    """Whoever watches sees a tick for each."""
    told: list[Shown] = []
    tools = EnrollingCloud().tools(tmp_path)

    asyncio.run(join(dataclasses.replace(tools, tell=told.append), CLAIM))

    assert told == list(Shown)


def test_a_refused_claim_is_given_up_and_another_may_follow(tmp_path: Path) -> None:
    """An expired claim says so and is not tried again; the next one joins."""
    cloud = EnrollingCloud()
    cloud.refuse_claim = "the claim expired at 12:00"

    with pytest.raises(OperatorError, match="expired at 12:00"):
        joined(cloud, tmp_path)
    with pytest.raises(OperatorError, match="no claim"):
        joined(cloud, tmp_path, ticket=None)
    cloud.refuse_claim = ""

    assert joined(cloud, tmp_path).thing == THING


def test_a_claim_that_another_hub_holds_is_refused(tmp_path: Path) -> None:
    """The first key has the claim: a raced one is told."""
    cloud = EnrollingCloud()
    joined(cloud, tmp_path / "first")

    with pytest.raises(OperatorError, match="another hub"):
        joined(cloud, tmp_path / "second")


def test_a_cloud_that_is_away_is_tried_again_with_the_same_claim(tmp_path: Path) -> None:
    """Without a route nothing is lost: going on needs no claim."""
    cloud = EnrollingCloud()
    cloud.is_away = True

    with pytest.raises(RetryableError):
        joined(cloud, tmp_path)
    cloud.is_away = False

    assert joined(cloud, tmp_path, ticket=None).thing == THING


def test_what_does_not_prove_good_is_not_put_in_use(tmp_path: Path) -> None:
    """The old identity stays where the new one cannot connect."""
    cloud = EnrollingCloud()
    joined(cloud, tmp_path)
    before = folder_of(tmp_path).current_name()

    async def fail(_place: Place, _access: object) -> None:
        raise RetryableError("refused")

    tools = dataclasses.replace(cloud.tools(tmp_path), prove=fail)
    with pytest.raises(RetryableError, match="refused"):
        asyncio.run(renew(tools))

    assert folder_of(tmp_path).current_name() == before


def test_two_processes_do_not_provision_at_once(tmp_path: Path) -> None:
    """The second is told that somebody is at it."""
    cloud = EnrollingCloud()

    with folder_of(tmp_path).held(), pytest.raises(RetryableError, match="in use"):
        joined(cloud, tmp_path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key file with a wrong mode is not used, and the message says what to do."""
    cloud = EnrollingCloud()
    joined(cloud, tmp_path)
    present = folder_of(tmp_path).current()
    assert present is not None
    (present.folder / "device.key").chmod(0o640)

    with pytest.raises(OperatorError, match="mode 0640") as caught:
        asyncio.run(renew(cloud.tools(tmp_path)))

    assert "chmod 600" in caught.value.hint


def test_a_join_cut_at_every_step_is_gone_on_with(tmp_path: Path) -> None:
    """Wherever the power goes, the next start ends with one whole identity, and no other files."""
    steps = 0
    while True:
        cloud, state = EnrollingCloud(), tmp_path / str(steps)
        try:
            with cut_after(steps, state):
                joined(cloud, state)
            break
        except PowerCutError:
            steps += 1
        ticket = None if (state / "identity" / JOURNAL).exists() else CLAIM
        if folder_of(state).current() is None or ticket is None:
            joined(cloud, state, ticket)
        _assert_whole(cloud, state)

    assert steps > 40
    print(f"\njoin: cut at {steps} changes of the file system, 0 hubs lost")


def test_a_renewal_cut_at_every_step_leaves_a_usable_identity(tmp_path: Path) -> None:
    """At every instant the current identity is whole and the cloud knows one of the two."""
    steps = 0
    while True:
        cloud, state = EnrollingCloud(), tmp_path / str(steps)
        joined(cloud, state)
        try:
            with cut_after(steps, state):
                asyncio.run(renew(cloud.tools(state)))
            break
        except PowerCutError:
            steps += 1
        assert folder_of(state).current() is not None
        asyncio.run(renew(cloud.tools(state)))
        _assert_whole(cloud, state)

    assert steps > 30
    print(f"\nrenewal: cut at {steps} changes of the file system, 0 hubs lost")


def _assert_whole(cloud: EnrollingCloud, state: Path) -> None:
    folder = folder_of(state)
    folder.tidy()
    present = folder.current()
    assert present is not None
    assert cloud.things[THING] == present.facts.public_key_der
    folder.forget_previous()
    left = {path.name for path in (state / "identity").iterdir() if path.is_dir()}
    assert left <= {present.folder.name, "current"}


def test_a_renewal_has_a_new_key_and_keeps_the_old_identity(tmp_path: Path) -> None:
    """The old one stays until the new has connected, then it is destroyed."""
    cloud = EnrollingCloud()
    joined(cloud, tmp_path)
    before = folder_of(tmp_path).current()
    assert before is not None

    asyncio.run(renew(cloud.tools(tmp_path)))

    after = folder_of(tmp_path).current()
    assert after is not None
    assert after.facts.public_key_der != before.facts.public_key_der
    assert before.folder.exists()
    folder_of(tmp_path).forget_previous()
    assert not before.folder.exists()


def test_a_hub_that_slept_past_expiry_renews_over_https(tmp_path: Path) -> None:
    """No broker takes an expired certificate; the API takes its key's signature."""
    cloud = EnrollingCloud()
    joined(cloud, tmp_path)
    cloud.now_ms += 2 * YEAR_MS
    cloud.log.clear()

    asyncio.run(renew(cloud.tools(tmp_path)))

    assert cloud.log == ["renew", "proved"]


def test_a_bundle_of_aws_joins_through_the_same_dialogue(tmp_path: Path) -> None:
    """Claim certificate, key and template from a file; the thing is what the template names."""
    cloud = EnrollingCloud()
    claim_key = ec.generate_private_key(ec.SECP256R1())
    made = asyncio.run(FakeApi(cloud).redeem(CODE, make_csr(claim_key, "claim")))
    pem = pem_of(claim_key).decode()
    bundle = msgspec.structs.replace(
        made, thing="", private_key=pem, template="fleet", uplink_kind="aws"
    )
    cloud.is_proof_wanted = False

    place = asyncio.run(join(cloud.tools(tmp_path), bundle))

    assert (place.thing, place.template, place.kind) == (THING, "fleet", "aws")

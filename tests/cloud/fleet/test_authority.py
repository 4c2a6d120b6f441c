"""The certificates a self-hosted fleet runs on: what they say, who may read them, what repeats."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud.fleet.authority import (
    LEAF_VALIDITY,
    LONGEST_OFFLINE,
    ROOT_VALIDITY,
    SERVICES,
    Authority,
)
from cloud.fleet.certificates import new_key, utc
from cloud.fleet.crl import Standing, read_list
from shared.clock import DrivenClock
from shared.errors import BadInputError, OperatorError
from shared.units import MS_PER_DAY

NOW_MS = 1_790_000_000_000
HUBS_YEARS = 10
"""How long a hub is to go on by itself."""

DAYS_A_YEAR = 365


@pytest.fixture
def clock() -> DrivenClock:
    """A clock that stands in September 2026 until told otherwise."""
    return DrivenClock(NOW_MS)


@pytest.fixture
def authority(tmp_path: Path, clock: DrivenClock) -> Authority:
    """A prepared authority in a new folder."""
    made = Authority(tmp_path / "fleet", clock)
    made.prepare()
    return made


def _read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_hubs_common_name_is_its_thing_name(authority: Authority) -> None:
    """The broker takes the name from the certificate, so the certificate must carry it."""
    issued = authority.issue("hub-a")

    names = _read(issued.certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [name.value for name in names] == ["hub-a"]


def test_every_leaf_is_signed_by_the_root(authority: Authority) -> None:
    """Server, services and hubs all verify against ca.crt."""
    root = _read(authority.certificate)
    leaves = [authority.server, authority.issue("hub-a"), *map(authority.credentials, SERVICES)]

    for leaf in leaves:
        _read(leaf.certificate).verify_directly_issued_by(root)


def test_the_server_answers_to_every_loopback_name(authority: Authority) -> None:
    """Clients may connect to localhost, 127.0.0.1 or ::1."""
    names = _read(authority.server.certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )

    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_a_hubs_certificate_cannot_serve(authority: Authority) -> None:
    """A stolen hub key does not let anyone pose as the broker."""
    use = _read(authority.issue("hub-a").certificate).extensions.get_extension_for_class(
        x509.ExtendedKeyUsage
    )

    assert list(use.value) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_keys_are_readable_by_their_owner_alone(authority: Authority) -> None:
    """Every private key is 0600 and the folder that holds them 0700."""
    authority.issue("hub-a")

    keys = sorted(authority.directory.rglob("*.key"))

    assert len(keys) == 2 + len(SERVICES) + 1
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE(authority.directory.stat().st_mode) == 0o700


def test_preparing_twice_changes_nothing(authority: Authority) -> None:
    """A second `prepare` keeps every file byte for byte, so connected hubs stay trusted."""
    authority.issue("hub-a")
    before = {path: path.read_bytes() for path in authority.directory.rglob("*.*")}

    authority.prepare()
    authority.issue("hub-a")

    assert {path: path.read_bytes() for path in authority.directory.rglob("*.*")} == before


def test_a_certificate_near_its_end_is_renewed(authority: Authority, clock: DrivenClock) -> None:
    """Preparing again shortly before expiry makes new leaves under the same root."""
    root = authority.certificate.read_bytes()
    server = authority.server.certificate.read_bytes()

    clock.advance_to(NOW_MS + (LEAF_VALIDITY.days - 10) * MS_PER_DAY)
    authority.prepare()

    assert authority.certificate.read_bytes() == root
    assert authority.server.certificate.read_bytes() != server


@pytest.mark.parametrize("joins_in_year", [0, 1, 8, 16])
def test_a_hub_renews_for_ten_years_whenever_it_joins(
    authority: Authority, clock: DrivenClock, joins_in_year: int
) -> None:
    """Each of its certificates outlasts three times the longest sleep: none ends with the root."""
    days_left = []
    for year in range(joins_in_year, joins_in_year + HUBS_YEARS + 1):
        clock.advance_to(NOW_MS + year * DAYS_A_YEAR * MS_PER_DAY)
        issued = authority.sign("hub-a", new_key().public_key(), LEAF_VALIDITY)
        days_left.append((issued.certificate.not_valid_after_utc - utc(clock.utc_ms())).days)

    assert days_left == [3 * LONGEST_OFFLINE.days] * (HUBS_YEARS + 1)


def test_a_certificate_ends_with_the_root_at_the_latest(
    authority: Authority, clock: DrivenClock
) -> None:
    """Nobody would believe it after that."""
    clock.advance_to(NOW_MS + (ROOT_VALIDITY.days - 100) * MS_PER_DAY)

    issued = authority.sign("hub-a", new_key().public_key(), LEAF_VALIDITY)

    root = _read(authority.certificate)
    assert issued.certificate.not_valid_after_utc == root.not_valid_after_utc


def test_a_new_certificate_is_valid_for_a_slow_clock(authority: Authority) -> None:
    """A hub some hours behind already accepts a certificate made just now."""
    issued = _read(authority.issue("hub-a").certificate)

    assert issued.not_valid_before_utc.timestamp() * 1000 <= NOW_MS - MS_PER_DAY


def test_a_hub_cannot_take_a_services_name(authority: Authority) -> None:
    """A name the access list trusts with every household is refused, with what to do."""
    with pytest.raises(OperatorError, match="reserved") as refusal:
        authority.issue("cloud-ingest")

    assert "cloud-" in refusal.value.hint


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "../ca", "hub a", "x" * 65])
def test_a_name_that_is_no_topic_level_is_refused(authority: Authority, name: str) -> None:
    """Neither a topic wildcard nor a path out of the folder can be issued."""
    with pytest.raises(BadInputError):
        authority.issue(name)


def test_issuing_needs_a_root(tmp_path: Path, clock: DrivenClock) -> None:
    """Without `fleet init` the error names the command to run."""
    with pytest.raises(OperatorError) as refusal:
        Authority(tmp_path, clock).issue("hub-a")

    assert "hearthlink fleet init" in refusal.value.hint


def test_half_a_root_is_never_replaced(authority: Authority) -> None:
    """A lost ca.key stops the command instead of silently cutting off every hub."""
    (authority.directory / "ca.key").unlink()

    with pytest.raises(OperatorError, match="only one of"):
        authority.prepare()


def test_a_root_key_of_another_kind_is_named(authority: Authority) -> None:
    """A foreign key in place of ours is reported by its kind."""
    ed25519 = (
        b"-----BEGIN PRIVATE KEY-----\n"
        b"MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
        b"-----END PRIVATE KEY-----\n"
    )
    (authority.directory / "ca.key").write_bytes(ed25519)

    with pytest.raises(OperatorError, match="another kind"):
        authority.issue("hub-a")


def test_a_draft_left_by_a_crash_is_replaced(authority: Authority) -> None:
    """A half-written file of an earlier run does not block the next."""
    (authority.directory / "things" / ".hub-a.key.new").write_bytes(b"half")

    issued = authority.issue("hub-a")

    assert issued.key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert not list(authority.directory.rglob("*.new"))


def test_root_kept_elsewhere_signs_an_issuer(tmp_path: Path, clock: DrivenClock) -> None:
    """The root's key is in its own folder alone; a leaf comes with its issuer behind it."""
    authority = Authority(tmp_path / "fleet", clock)
    authority.prepare(tmp_path / "root")

    issued = x509.load_pem_x509_certificates(authority.issue("hub-a").certificate.read_bytes())

    root = _read(authority.certificate)
    assert not (tmp_path / "fleet" / "ca.key").exists()
    assert [one.subject.rfc4514_string() for one in issued] == [
        "CN=hub-a",
        "CN=Hearthlink self-hosted issuer",
    ]
    issued[0].verify_directly_issued_by(issued[1])
    issued[1].verify_directly_issued_by(root)


def test_issuer_is_renewed_with_its_key(tmp_path: Path, clock: DrivenClock) -> None:
    """Once it could not outlive a new hub's certificate; what it has signed stays good."""
    authority = Authority(tmp_path / "fleet", clock)
    authority.prepare(tmp_path / "root")
    leaf, old = _read(authority.issue("hub-a").certificate), _read(authority.issuer_certificate)

    authority.prepare(tmp_path / "root")
    same = _read(authority.issuer_certificate)
    clock.advance_to(NOW_MS + 2_600 * MS_PER_DAY)
    authority.prepare(tmp_path / "root")

    new = _read(authority.issuer_certificate)
    assert same == old
    assert new != old
    leaf.verify_directly_issued_by(new)


def test_root_that_signs_by_itself_has_no_issuer(authority: Authority, tmp_path: Path) -> None:
    """A fleet goes on as it began; the error says what there is to do."""
    with pytest.raises(OperatorError, match="can have no issuer"):
        authority.prepare(tmp_path / "root")


def test_another_fleets_root_is_refused(tmp_path: Path, clock: DrivenClock) -> None:
    """It would lock out every hub that trusts the first."""
    authority = Authority(tmp_path / "fleet", clock)
    authority.prepare(tmp_path / "root")

    with pytest.raises(OperatorError, match="another root"):
        authority.prepare(tmp_path / "other-root")


def test_server_answers_to_the_names_it_is_given(authority: Authority) -> None:
    """Besides those it has, from then on."""
    authority.prepare(hosts=["hub.lan", "192.0.2.1"])
    named = authority.server.certificate.read_bytes()
    authority.prepare()

    names = _read(authority.server.certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert authority.server.certificate.read_bytes() == named
    assert "hub.lan" in names.value.get_values_for_type(x509.DNSName)
    assert "192.0.2.1" in map(str, names.value.get_values_for_type(x509.IPAddress))


def test_list_is_there_from_the_beginning(authority: Authority) -> None:
    """A broker that is given none could refuse nobody."""
    assert read_list(authority.revocations).standing(NOW_MS) is Standing.OK

"""The certificate files, and how long they hold."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.config import Config
from agent.doctor.certificates import (
    check_expiry,
    check_files,
    check_key,
    check_pair,
    judge_expiry,
    judge_key_mode,
)
from agent.doctor.check import Result
from agent.identity.x509 import Certificate, read_certificate
from cloud.fleet.authority import Authority, Credentials
from shared.clock import DrivenClock, SystemClock
from shared.errors import BadInputError
from shared.units import MS_PER_DAY
from tests.support.hubs import config_in

THING = "kitchen-hub"
NOW_MS = 1_800_000_000_000


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A fleet's authority, made for this test."""
    made = Authority(tmp_path / "fleet", SystemClock())
    made.prepare()
    return made


def config_for(folder: Path, credentials: Credentials, **settings: object) -> Config:
    """The configuration of the hub that these credentials were made for."""
    return config_in(
        folder,
        uplink_host="localhost",
        uplink_ca_file=str(credentials.authority),
        uplink_certificate_file=str(credentials.certificate),
        uplink_key_file=str(credentials.key),
        **{"hub_thing": THING, "hub_state_dir": str(folder), **settings},
    )


def test_a_certificate_is_read_as_the_library_reads_it(authority: Authority) -> None:
    """Name, validity and key agree with what `cryptography` says of the same file."""
    pem = authority.issue(THING).certificate.read_text()
    theirs = x509.load_pem_x509_certificate(pem.encode())

    ours = read_certificate(pem)

    assert ours == Certificate(
        THING,
        int(theirs.not_valid_before_utc.timestamp()) * 1_000,
        int(theirs.not_valid_after_utc.timestamp()) * 1_000,
        theirs.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        theirs.public_bytes(Encoding.DER),
    )


def test_a_year_beyond_2050_is_read(tmp_path: Path) -> None:
    """Such times are written in another form (RFC 5280 §4.1.2.5.2)."""
    at_2049 = 2_500_000_000_000
    authority = Authority(tmp_path / "fleet", DrivenClock(at_2049))
    authority.prepare()

    read = read_certificate(authority.certificate.read_text())

    assert read.not_after_ms > at_2049 + 3_000 * MS_PER_DAY


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----",
        ssl.DER_cert_to_PEM_cert(b"\x30\x03\x30\x01\x00"),
        ssl.DER_cert_to_PEM_cert(b"\x30\x84\xff\xff\xff\xff"),
        ssl.DER_cert_to_PEM_cert(b"\x30\x82\xff\xff"),
    ],
)
def test_what_is_no_certificate_is_bad_input(pem: str) -> None:
    """Rubbish of any kind is refused with a hint, never a crash."""
    with pytest.raises(BadInputError) as caught:
        read_certificate(pem)

    assert caught.value.hint


def test_every_cut_of_a_certificate_is_bad_input(authority: Authority) -> None:
    """A file that was copied half is found out wherever it ends, or read where nothing is lost."""
    der = ssl.PEM_cert_to_DER_cert(authority.issue(THING).certificate.read_text())

    for length in range(1, len(der)):
        with pytest.raises(BadInputError):
            read_certificate(ssl.DER_cert_to_PEM_cert(der[:length]))


def test_what_the_fleet_issued_passes(tmp_path: Path, authority: Authority) -> None:
    """Files, key and pair of a hub as installed."""
    credentials = authority.issue(THING)
    config = config_for(tmp_path, credentials)

    checks = [
        check_files(config),
        check_key(credentials.key),
        check_pair(config, credentials.certificate, credentials.key),
        check_expiry("certificate expiry", credentials.certificate, SystemClock().utc_ms(), "fix"),
    ]

    assert [check.result for check in checks] == [Result.OK] * 4


def test_an_absent_file_is_named_with_its_setting(tmp_path: Path, authority: Authority) -> None:
    """All that are absent are told at once."""
    credentials = authority.issue(THING)
    credentials.key.unlink()
    credentials.certificate.unlink()

    check = check_files(config_for(tmp_path, credentials))

    assert check.result is Result.FAULT
    assert "uplink.key_file" in check.finding
    assert "uplink.certificate_file" in check.finding


@pytest.mark.parametrize(
    ("mode", "result"), [(0o600, Result.OK), (0o400, Result.OK), (0o640, Result.FAULT)]
)
def test_a_key_that_others_may_read_is_a_fault(mode: int, result: Result) -> None:
    """Stricter than 0600 is fine."""
    assert judge_key_mode(Path("hub.key"), mode).result is result


def test_another_hubs_key_is_found_out(tmp_path: Path, authority: Authority) -> None:
    """Certificate and key of two hubs, mixed up in copying."""
    credentials, other = authority.issue(THING), authority.issue("other-hub")

    check = check_pair(config_for(tmp_path, credentials), credentials.certificate, other.key)

    assert check.result is Result.FAULT
    assert f"fleet issue {THING}" in check.fix


def test_another_hubs_certificate_is_found_out(tmp_path: Path, authority: Authority) -> None:
    """The broker knows a hub by its certificate's name, so the setting must agree."""
    other = authority.issue("other-hub")

    check = check_pair(config_for(tmp_path, other), other.certificate, other.key)

    assert check.result is Result.FAULT
    assert "'other-hub'" in check.finding


@pytest.mark.parametrize(
    ("days", "result", "words"),
    [
        (400, Result.OK, "valid for 400 more days"),
        (29, Result.WARNING, "valid for 29 more days"),
        (-3, Result.FAULT, "expired 3 days ago"),
    ],
)
def test_expiry_is_told_in_days(days: int, result: Result, words: str) -> None:
    """A month's notice, then a fault."""
    certificate = Certificate(THING, 0, NOW_MS + days * MS_PER_DAY, b"", b"")

    check = judge_expiry("certificate expiry", certificate, NOW_MS, "fix")

    assert (check.result, check.finding) == (result, words)


def test_a_certificate_of_the_future_points_at_the_clock() -> None:
    """A hub in 1970 holds every certificate for one to come."""
    certificate = Certificate(THING, NOW_MS + 1, NOW_MS + MS_PER_DAY, b"", b"")

    check = judge_expiry("certificate expiry", certificate, NOW_MS, "fix")

    assert check.result is Result.FAULT
    assert "system clock" in check.fix

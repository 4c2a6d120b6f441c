"""Says what is wrong with a broker's files before hubs find out: configuration, dates, keys.

Reads files alone; a broker that runs may still have older ones in memory until it is told.
"""

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from cloud.fleet.authority import LEAF_VALIDITY, RENEW_BEFORE, SERVICES, Authority, Credentials
from cloud.fleet.broker import (
    ACCESS_LIST_NAME,
    CONFIG_NAME,
    BrokerPlan,
    access_list,
    broker_config,
)
from cloud.fleet.certificates import read_certificates, read_key, utc
from cloud.fleet.crl import Standing, read_list
from shared.clock import Clock
from shared.errors import OperatorError

LISTENERS = 2
LISTENER_WORDS = 3
DANGEROUS = (
    "allow_anonymous",
    "allow_zero_length_clientid",
    "listener",
    "password_file",
    "per_listener_settings",
    "plugin",
    "require_certificate",
    "use_identity_as_username",
    "use_subject_as_username",
    "use_username_as_clientid",
)
"""Lines that open another way in; of each the broker may have only what is written here."""


def check_broker(authority: Authority, clock: Clock) -> list[str]:
    """List what is wrong, each with its fix; none where the files are as they should be."""
    now_ms = clock.utc_ms()
    faults = list(_config_faults(authority.directory))
    faults += _access_faults(authority.directory / ACCESS_LIST_NAME)
    known = read_list(authority.revocations)
    standing = known.standing(now_ms)
    if standing is not Standing.OK:
        until = f", until {utc(known.next_update_ms)}" if known.number else ""
        faults.append(
            f"{authority.revocations}: {standing}{until}: start 'hearthlink cloud devices', "
            "which writes it anew; past its end the broker refuses every hub"
        )
    faults += certificate_faults(authority, now_ms)
    left = read_certificates(authority.issuer_certificate)[0].not_valid_after_utc - utc(now_ms)
    if left < LEAF_VALIDITY:
        faults.append(
            f"{authority.issuer_certificate}: {left.days} days left: hubs' certificates end with "
            "it; run 'hearthlink fleet init' with --root, or plan a new fleet"
        )
    return faults


def certificate_faults(authority: Authority, now_ms: int) -> list[str]:
    """List what is wrong with the broker's and the services' own certificates, or soon will be."""
    checked = [authority.server, *map(authority.credentials, SERVICES)]
    return [fault for one in checked for fault in _certificate_faults(one, now_ms)]


def _config_faults(directory: Path) -> Iterator[str]:
    path = directory / CONFIG_NAME
    fix = "run 'hearthlink fleet broker-config'"
    if not path.exists():
        yield f"{path}: missing: {fix}"
        return
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    listeners = [line.split() for line in lines if line.startswith("listener ")]
    if [len(words) for words in listeners] != [LISTENER_WORDS] * LISTENERS:
        yield f"{path}: {len(listeners)} listeners, not the hubs' and the services': {fix}"
        return
    (_, port, address), (_, services_port, services_address) = listeners
    plan = BrokerPlan(
        directory,
        int(port),
        int(services_port),
        address,
        services_address,
        "persistence false" in lines,
        "user root" in lines,
    )
    # What follows a listener is that one's alone: each part is held against its own.
    for wanted, found in zip(_parts(broker_config(plan)), _parts("\n".join(lines)), strict=True):
        for line in wanted:
            if line not in found:
                yield f"{path}: lacks {line!r} under {wanted[0]!r}: {fix}"
        for line in found:
            if line not in wanted and line.split()[0] in DANGEROUS:
                yield f"{path}: {line!r} opens another way in: take it out, or {fix}"


def _parts(text: str) -> list[list[str]]:
    """Split a configuration into what is for all and what is for each listener."""
    parts: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("listener "):
            parts.append([])
        if line.strip() and not line.startswith("#"):
            parts[-1].append(line)
    return parts


def _access_faults(path: Path) -> Iterator[str]:
    fix = "run 'hearthlink fleet broker-config'"
    if not path.exists():
        yield f"{path}: missing: {fix}"
        return
    if path.read_text("utf-8") != access_list():
        yield f"{path}: is not what this version writes: {fix}"
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield f"{path}: others may read it: {fix}"


def _certificate_faults(credentials: Credentials, now_ms: int) -> Iterator[str]:
    fix = "run 'hearthlink fleet init'"
    if not (credentials.certificate.exists() and credentials.key.exists()):
        yield f"{credentials.certificate}: missing, or its key: {fix}"
        return
    certificate = read_certificates(credentials.certificate)[0]
    left: timedelta = certificate.not_valid_after_utc - utc(now_ms)
    if left < RENEW_BEFORE:
        yield f"{credentials.certificate}: {left.days} days left: {fix}"
    try:
        is_a_pair = read_key(credentials.key).public_key() == certificate.public_key()
    except (OperatorError, ValueError):
        is_a_pair = False
    if not is_a_pair:
        yield f"{credentials.key}: is not the key of {credentials.certificate.name}: {fix}"
    if stat.S_IMODE(credentials.key.stat().st_mode) & 0o077:
        yield f"{credentials.key}: others may read it: chmod 600 it"

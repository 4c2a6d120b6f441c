"""Checks the certificate files: there, private, belonging together, still valid."""

import ssl
import stat
from pathlib import Path

from agent.config import Config
from agent.doctor.check import Check, Result
from agent.identity.x509 import MAX_CERTIFICATE_CHARS, Certificate, read_certificate
from shared.units import MS_PER_DAY

FILES = "certificate files"
KEY = "private key"
PAIR = "certificate"
EXPIRY = "certificate expiry"
AUTHORITY = "authority expiry"
KEY_MODE = 0o600
RENEW_BELOW_DAYS = 30
"""A month: time to visit a hub before it is locked out."""

ISSUE = "issue it anew where the fleet's authority is: hearthlink fleet issue {thing}"
RENEW = "let the hub run, it renews by itself; or by hand: hearthlink provision --renew"


def mend(config: Config) -> str:
    """Say how the hub gets another certificate."""
    file = config.uplink_certificate_file
    is_provisioned = file is not None and file.is_relative_to(config.identity_folder)
    return RENEW if is_provisioned else ISSUE.format(thing=config.hub_thing)


def check_files(config: Config) -> Check:
    """Check that the three files are there and may be read."""
    named = {
        "uplink.ca_file": config.uplink_ca_file,
        "uplink.certificate_file": config.uplink_certificate_file,
        "uplink.key_file": config.uplink_key_file,
    }
    faults = []
    for key, path in named.items():
        try:
            if path is not None:
                with path.open("rb"):
                    pass
        except OSError as error:
            faults.append(f"{key} {path}: {error.strerror}")
    if faults:
        fix = "copy the files that 'hearthlink fleet issue' made, or correct the paths"
        return Check(FILES, Result.FAULT, "; ".join(faults), fix)
    return Check(FILES, Result.OK, "all three are there and readable")


def check_key(key_file: Path) -> Check:
    """Check that nobody else may read the private key."""
    return judge_key_mode(key_file, stat.S_IMODE(key_file.stat().st_mode))


def judge_key_mode(key_file: Path, mode: int) -> Check:
    """Say whether a private key of this mode is private."""
    if mode & ~KEY_MODE:
        finding = f"{key_file} has mode {mode:04o}: others may be able to read it"
        return Check(KEY, Result.FAULT, finding, f"chmod 600 {key_file}")
    return Check(KEY, Result.OK, f"mode {mode:04o}")


def check_pair(config: Config, certificate_file: Path, key_file: Path) -> Check:
    """Check that key and certificate belong together, and that the certificate is this hub's."""
    issue = mend(config)
    try:
        # An empty password: a locked key must be a finding, not a question at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate_file, key_file, "")
    except ssl.SSLError as error:
        finding = f"{key_file} does not open {certificate_file}: {error.reason or error}"
        return Check(PAIR, Result.FAULT, finding, f"copy both files again, or {issue}")
    name = _read(certificate_file).name
    if name != config.hub_thing:
        finding = f"the certificate is that of {name!r}, hub.thing is {config.hub_thing!r}"
        fix = f"correct hub.thing, or {issue}"
        return Check(PAIR, Result.FAULT, finding, fix)
    return Check(PAIR, Result.OK, f"that of {name}, and the key belongs to it")


def check_expiry(name: str, path: Path, now_ms: int, fix: str) -> Check:
    """Check how long a certificate is valid yet."""
    return judge_expiry(name, _read(path), now_ms, fix)


def judge_expiry(name: str, certificate: Certificate, now_ms: int, fix: str) -> Check:
    """Say how many days a certificate has left."""
    if now_ms < certificate.not_before_ms:
        days = -(-(certificate.not_before_ms - now_ms) // MS_PER_DAY)
        finding = f"not valid for another {days:,} days: this machine's clock is behind"
        return Check(name, Result.FAULT, finding, "see the check 'system clock'")
    days = (certificate.not_after_ms - now_ms) // MS_PER_DAY
    if now_ms >= certificate.not_after_ms:
        return Check(name, Result.FAULT, f"expired {-days:,} days ago", fix)
    finding = f"valid for {days:,} more days"
    if days < RENEW_BELOW_DAYS:
        return Check(name, Result.WARNING, finding, fix)
    return Check(name, Result.OK, finding)


def _read(path: Path) -> Certificate:
    with path.open(errors="replace") as file:
        return read_certificate(file.read(MAX_CERTIFICATE_CHARS))

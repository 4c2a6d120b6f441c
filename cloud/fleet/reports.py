"""Commissioning reports as files: made and signed here, verified anywhere.

A file is one JSON object: `report`, to be read, and `jws`, which signs the same to the letter.
"""

import datetime as dt
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography import x509

from cloud.config import Config
from cloud.db import Database
from cloud.fleet.hubs import gather
from cloud.fleet.report import Report, make_report
from cloud.fleet.seal import MAX_SEALED_BYTES, Seal, verify
from shared.clock import Clock
from shared.errors import BadInputError, OperatorError


class Sealed(NamedTuple):
    """A report and the signed form of it."""

    report: Report
    jws: str

    def to_json(self) -> bytes:
        """Write the file."""
        document = msgspec.json.encode({"report": self.report, "jws": self.jws})
        return msgspec.json.format(document, indent=2) + b"\n"


def seal_of(config: Config) -> Seal:
    """Take the key that reports are signed with; raises OperatorError where none is named."""
    certificate = config.report_cert or config.broker_cert
    key = config.report_key or config.broker_key
    if not certificate or not key:
        raise OperatorError(
            "there is no key to sign reports with",
            hint="set report_cert and report_key, or broker_cert and broker_key",
        )
    return Seal(certificate, key)


def commission(database: Database, clock: Clock, seal: Seal, thing: str, installer: str) -> Sealed:
    """Make and sign the report of a hub as it stands now; raises NotFoundError."""
    with database.reading() as connection:
        report = make_report(gather(connection, thing, installer, clock.utc_ms()))
    return Sealed(report, seal.sign(msgspec.json.encode(report)))


def verify_file(content: bytes, authority_file: str) -> Report:
    """Read a report's file and return what is signed in it.

    Raises BadInputError where it is not signed by the fleet, or its readable half says otherwise;
    OperatorError where the authority cannot be read.
    """
    if len(content) > 2 * MAX_SEALED_BYTES:
        raise BadInputError(f"report of {len(content)} bytes")
    try:
        document = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        readable, jws = bytes(document["report"]), msgspec.json.decode(document["jws"], type=str)
    except (msgspec.MsgspecError, KeyError) as error:
        raise BadInputError(f"no commissioning report: {error}") from error
    payload = verify(jws, _authorities(authority_file), _made_at)
    report = _read(payload)
    if _read(readable) != report:
        raise BadInputError(
            "what is to be read is not what was signed", hint="trust neither: make the report anew"
        )
    return report


def _read(payload: bytes) -> Report:
    try:
        return msgspec.json.decode(payload, type=Report)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"no commissioning report: {error}") from error


def _made_at(payload: bytes) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(_read(payload).made_at)
    except ValueError as error:
        raise BadInputError("it does not say when it was made") from error


def _authorities(file: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(Path(file).read_bytes())
    except (OSError, ValueError) as error:
        raise OperatorError(
            f"{file!r} holds no certificate: {error}", hint="give the fleet's root with --authority"
        ) from error

"""Checks that the cloud is reached and takes the hub's certificate.

It sends neither MQTT nor HTTP, and so never takes the hub's own connection from it.
"""

import enum
import socket
import ssl
from pathlib import Path
from typing import NamedTuple

from agent.config import Config
from agent.doctor.check import Check, Result
from agent.doctor.network import CONNECT_S, Reach, connect, explain
from agent.uplink.kinds import UplinkKind
from agent.uplink.tls import KnowTime, client_context, machine_time

NAME = "broker"

HTTPS_PORT = 443
AWS_MQTT = "x-amzn-mqtt-ca"
"""What AWS IoT Core must be asked for on 443, where HTTPS is spoken otherwise."""

VERDICT_S = 1.0
"""In TLS 1.3 a server judges the client's certificate after the handshake: its alert comes soon."""


class Handshake(enum.StrEnum):
    """How the TLS handshake ended."""

    DONE = "done"
    BROKER_UNTRUSTED = "broker untrusted"
    HUB_REFUSED = "hub refused"
    FAILED = "failed"
    TIMEOUT = "timeout"


class Answer(NamedTuple):
    """A handshake's outcome, with the library's text or the agreed version of TLS."""

    handshake: Handshake
    detail: str = ""


def check_broker(
    config: Config, certificate: Path, key: Path, know_time: KnowTime = machine_time
) -> Check:
    """Check the way to the broker or the API, each step with its own finding.

    Certificates are judged as the hub would judge them, also while the machine's clock is wrong.
    """
    host, port = config.uplink_host, config.uplink_port
    is_aws = config.uplink_kind is UplinkKind.AWS
    # The AWS SDK brings a TLS of its own, which goes by the machine's clock alone.
    judged_by = machine_time if is_aws else know_time
    context = client_context(config.uplink_ca_file, certificate, key, judged_by)
    if is_aws and port == HTTPS_PORT:
        context.set_alpn_protocols([AWS_MQTT])
    attempt = connect(host, port)
    if attempt.stream is None:
        return judge_unreached(attempt.reach, host, port)
    with attempt.stream:
        answer = shake_hands(attempt.stream, context, host)
    if config.uplink_kind is UplinkKind.HTTPS and answer.handshake is Handshake.DONE:
        # A web server asks for no certificate: the hub's is shown, and judged, in each request.
        return Check(NAME, Result.OK, f"{host}:{port} speaks TLS as the cloud ({answer.detail})")
    return judge_answer(answer, host, port)


def shake_hands(stream: socket.socket, context: ssl.SSLContext, host: str) -> Answer:
    """Make the TLS handshake on a connected socket; never raises OSError."""
    stream.settimeout(CONNECT_S)
    try:
        with context.wrap_socket(stream, server_hostname=host) as secured:
            version = secured.version() or "TLS"
            return _hear_verdict(secured, version)
    except ssl.SSLCertVerificationError as error:
        return Answer(Handshake.BROKER_UNTRUSTED, error.verify_message)
    except TimeoutError:
        return Answer(Handshake.TIMEOUT)
    except ssl.SSLError as error:
        return Answer(_kind_of(error), error.reason or str(error))
    except OSError as error:
        return Answer(Handshake.FAILED, error.strerror or str(error))


def _hear_verdict(secured: ssl.SSLSocket, version: str) -> Answer:
    """Wait a moment for the server's objection; MQTT servers do not speak first."""
    secured.settimeout(VERDICT_S)
    try:
        if not secured.recv(1):
            return Answer(Handshake.HUB_REFUSED, "the broker closed the connection")
    except TimeoutError:
        return Answer(Handshake.DONE, version)
    except ssl.SSLError as error:
        return Answer(Handshake.HUB_REFUSED, error.reason or str(error))
    except OSError as error:
        return Answer(Handshake.HUB_REFUSED, error.strerror or str(error))
    return Answer(Handshake.DONE, version)


def _kind_of(error: ssl.SSLError) -> Handshake:
    """Tell an alert of the server's about our certificate from every other failure."""
    reason = error.reason or ""
    is_alert = "ALERT" in reason and ("CERT" in reason or "UNKNOWN_CA" in reason)
    return Handshake.HUB_REFUSED if is_alert else Handshake.FAILED


def judge_unreached(reach: Reach, host: str, port: int) -> Check:
    """Say why the broker is not reached; a home offline is no fault, its readings wait."""
    finding, fix = explain(reach, host, port)
    return Check(NAME, Result.WARNING, f"{finding}; readings are kept and sent later", fix)


def judge_answer(answer: Answer, host: str, port: int) -> Check:
    """Say what a handshake's outcome means."""
    address = f"{host}:{port}"
    if answer.handshake is Handshake.DONE:
        return Check(NAME, Result.OK, f"{address} takes the hub's certificate ({answer.detail})")
    if answer.handshake is Handshake.TIMEOUT:
        finding = f"{address} took the connection but made no TLS handshake in {CONNECT_S:g} s"
        fix = "check that uplink.port is the broker's TLS port (8883), not its plain one (1883)"
        return Check(NAME, Result.FAULT, finding, fix)
    if answer.handshake is Handshake.BROKER_UNTRUSTED:
        finding = f"TLS failed: the hub does not trust {address}: {answer.detail}"
        fix = "copy the authority's certificate to uplink.ca_file; check uplink.host and the clock"
        return Check(NAME, Result.FAULT, finding, fix)
    if answer.handshake is Handshake.HUB_REFUSED:
        finding = f"TLS failed: {address} refused the hub's certificate: {answer.detail}"
        fix = "see the checks 'certificate' and 'certificate expiry'; was the hub revoked?"
        return Check(NAME, Result.FAULT, finding, fix)
    finding = f"TLS failed with {address}: {answer.detail}"
    fix = "check that uplink.host and uplink.port are the broker's TLS listener"
    return Check(NAME, Result.FAULT, finding, fix)

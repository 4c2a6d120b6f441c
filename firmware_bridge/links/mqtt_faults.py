"""Why a broker cannot be read, in the operator's words, with the fix. Pure."""

import socket
import ssl

from firmware_bridge.links.mqtt_address import BrokerAddress
from shared.errors import LinkError

UNSUPPORTED_PROTOCOL = 0x84
NOT_ALLOWED = (0x86, 0x87, 0x8C)
"""Bad user name or password, not authorized, bad authentication method (MQTT 5, 3.2.2.2)."""


class OldBrokerError(LinkError):
    """The broker knows no MQTT 5."""


def refused(broker: BrokerAddress, username: str, code: int, reason: str) -> LinkError:
    """Explain why a broker answered a connection with a reason code of failure."""
    if code == UNSUPPORTED_PROTOCOL:
        return OldBrokerError(f"{broker} knows no MQTT 5", hint="use a broker of this decade")
    if code not in NOT_ALLOWED:
        return LinkError(f"{broker} refused us: {reason}", hint="see the broker's own log")
    if username:
        return LinkError(
            f"{broker} refused the user name {username!r} or its password: {reason}",
            hint="check meter.username and meter.password against the broker's",
        )
    return LinkError(
        f"{broker} lets nobody in without a name: {reason}",
        hint="set meter.username and meter.password",
    )


def unreachable(broker: BrokerAddress, error: OSError) -> LinkError:
    """Explain why no connection to a broker came about."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return LinkError(
            f"the certificate of {broker} is not trusted: {error.verify_message}",
            hint="add its authority's certificate to the system's (update-ca-certificates), or "
            "name it in SSL_CERT_FILE; the host must be named as in the certificate",
        )
    if isinstance(error, ssl.SSLError):
        return LinkError(
            f"{broker} does not speak TLS: {error.strerror or error}",
            hint="use the broker's TLS port, usually 8883, or mqtt:// for one without",
        )
    if isinstance(error, socket.gaierror):
        return LinkError(
            f"the host {broker.host!r} is not known: {error.strerror}",
            hint="check its spelling, or use its IP address",
        )
    if isinstance(error, ConnectionRefusedError):
        return LinkError(
            f"no broker listens at {broker}",
            hint="start it; a Mosquitto without a listener setting serves its own machine only",
        )
    return LinkError(
        f"{broker} could not be reached: {error.strerror or error}",
        hint="check that the broker is on, and that host and port are right",
    )

"""What the address of a broker says: `mqtt://HOST[:PORT]/FILTER`, or mqtts:// with TLS. Pure."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from shared.errors import OperatorError

SCHEMES = ("mqtt://", "mqtts://")
PORTS = {"mqtt": 1883, "mqtts": 8883}

DEFAULT_FILTER = "glow/#"
"""Where a Glow publishes unless it was told another topic."""

MAX_TOPIC_BYTES = 65_535
"""MQTT's own limit: a length of two bytes."""

HINT = "use mqtt://HOST[:1883]/FILTER or mqtts://HOST[:8883]/FILTER, such as mqtt://hub/glow/#"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker, and the topics there: a filter to subscribe to, or a prefix to publish under."""

    host: str
    port: int
    is_tls: bool
    topics: str

    def __str__(self) -> str:
        return f"{'mqtts' if self.is_tls else 'mqtt'}://{self.host}:{self.port}"


def parse_broker(address: str, default_topics: str = DEFAULT_FILTER) -> BrokerAddress:
    """Split a broker's address; raise OperatorError where it has no host or port that is one.

    '#' and '?' need no escape here; a percent sign does (%25). A name in the address is refused,
    for addresses are printed.
    """
    scheme, _, rest = address.partition("://")
    server, slash, path = rest.partition("/")
    try:
        parts = urlsplit(f"//{server}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or "@" in server or "#" in server or "?" in server or port == 0:
        raise OperatorError(
            f"link address {_without_name(address)!r} names no broker",
            hint=f"{HINT}; name and password are settings of their own",
        )
    topics = unquote(path) if slash else default_topics
    return BrokerAddress(host, port or PORTS[scheme], scheme == "mqtts", topics)


def parse_subscription(address: str) -> BrokerAddress:
    """Split the address of a broker to listen to; raise OperatorError unless its filter is one."""
    broker = parse_broker(address)
    if not is_filter(broker.topics):
        raise OperatorError(
            f"link address {address!r} has no topic filter that is one: {broker.topics!r}",
            hint=f"{HINT}; '+' stands for one level, '#' for all that follow, at the end",
        )
    return broker


def is_filter(topics: str) -> bool:
    """Tell whether a text may be subscribed to (MQTT 5, 4.7)."""
    if not topics or "\0" in topics or len(topics.encode("utf-8", "replace")) > MAX_TOPIC_BYTES:
        return False
    *before, last = topics.split("/")
    return (
        all("#" not in level for level in before)
        and (last == "#" or "#" not in last)
        and all(level == "+" or "+" not in level for level in (*before, last))
    )


def _without_name(address: str) -> str:
    """Leave out a name and password that were written into the address."""
    scheme, _, rest = address.partition("://")
    server, slash, path = rest.partition("/")
    return f"{scheme}://{server.rpartition('@')[2]}{slash}{path}"

"""The configuration and access list of the self-hosted MQTT broker.

Owns what the broker allows and every limit it works under. It does not start the broker: the demo,
the tests and an operator's service each do that with the file written here. Facts are from
mosquitto.conf(5) of Mosquitto 2.0.

There are two listeners. On the hubs' the broker puts the certificate's name in the place of
whatever client id was asked for: no hub can take another's connection over, and of one name there
is one connection. The cloud's services need several under one certificate, and one of them takes
over a revoked hub's session: they have a listener where a client names itself.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from cloud.fleet.authority import SERVICES, Authority
from cloud.fleet.crl import FILE_NAME as REVOCATIONS_NAME
from shared import topics
from shared.errors import OperatorError

CONFIG_NAME = "mosquitto.conf"
ACCESS_LIST_NAME = "mosquitto.acl"
PERSISTENCE_FOLDER = "broker"
PID_NAME = "mosquitto.pid"

LOOPBACK = "127.0.0.1"

USERNAME = "%u"
"""Mosquitto's stand-in for the common name of the connected certificate in a pattern line."""

MAX_QUEUED_MESSAGES = 1000
"""A client that falls behind loses the rest; the hub sends again what no receipt lists."""

MAX_QUEUED_BYTES = 32 * 1024 * 1024
"""A thousand frames of the largest size would be 128 MB a client: bytes bind before the count."""

MAX_INFLIGHT_MESSAGES = 64
"""Unacknowledged at once to one client: keeps a worker busy over a slow link."""

MESSAGE_SIZE_LIMIT_BYTES = 256 * 1024
"""Twice the largest frame: an oversize one still reaches ingest, which names it and counts it."""

MAX_CONNECTIONS = 2000
"""A self-hosted broker's worth of hubs; each idle TLS connection costs it about 50 KB."""

MEMORY_LIMIT_BYTES = 1024 * 1024 * 1024
"""Queues of thirty clients that are full; past it the broker refuses, and is not killed."""

MAX_SERVICE_CONNECTIONS = 100
"""Workers, API processes and device services of one broker's fleet, several times over."""

MAX_PORT = 65_535

MAX_KEEPALIVE_S = 600
"""A dead link is noticed within fifteen minutes, whatever a client asks for."""

SESSION_EXPIRY = "1d"
"""A hub that is away longer starts afresh with its hello; its queue must not stay for ever."""


@dataclass(frozen=True)
class BrokerPlan:
    """What varies between brokers: where its files are, where it listens, what it keeps.

    `port` and `address` are the hubs'; those of the services are never to be the hubs' to reach.
    """

    directory: Path
    port: int
    services_port: int
    address: str = LOOPBACK
    services_address: str = LOOPBACK
    ephemeral: bool = False
    as_root: bool = False


def access_list() -> str:
    """Render the access list: a hub speaks only as itself, a service about what it is for.

    A pattern counts for every certificate, a claim's too: what a claim may do besides provisioning
    is refused by name (`shared.topics.check_hub`).
    """
    lines = ["# A hub writes and reads its own topics only; the broker fills in its name."]
    own = (topics.frames, topics.live, topics.hello, topics.status)
    lines += [f"pattern write {topic(USERNAME)}" for topic in own]
    lines.append(f"pattern read {topics.receipts(USERNAME)}")
    asked = [*topics.shadow_requests(USERNAME), *topics.jobs_requests(USERNAME)]
    lines += [f"pattern write {topic}" for topic in asked]
    answered = (topics.shadow_branch(USERNAME), topics.jobs_branch(USERNAME))
    lines += [f"pattern read {branch}" for branch in answered]
    lines += ["", "# Provisioning: everyone may ask, and hears the answers to everyone, by which"]
    lines += ["# nobody gains anything; a certificate is registered under the own name alone."]
    lines += _asking("pattern", topics.CREATE_FROM_CSR)
    lines += _asking("pattern", topics.provision(USERNAME))
    for service, (reads, writes) in _services().items():
        lines += ["", f"user {service}"]
        lines += [f"topic read {topic}" for topic in reads]
        lines += [f"topic write {topic}" for topic in writes]
    return "\n".join(lines) + "\n"


def _asking(word: str, topic: str) -> list[str]:
    return [
        f"{word} write {topic}",
        f"{word} read {topics.accepted(topic)}",
        f"{word} read {topics.rejected(topic)}",
    ]


def _services() -> dict[str, tuple[list[str], list[str]]]:
    """What each of the cloud's own services reads and writes, and no more."""
    every = topics.ANY_THING
    tariff = topics.shadow_get(every, topics.TARIFF_SHADOW)
    answered = (topics.CREATE_FROM_CSR, topics.provision(every))
    told = [topics.shadow_delta(every, every), topics.jobs_notify_next(every)]
    services = {
        "cloud-api": (
            [topics.live(every)],
            [topics.live(every), topics.receipts(every), *told],
        ),
        "cloud-devices": (
            [*answered, *topics.shadow_requests(every), *topics.jobs_requests(every)],
            [
                *(end(topic) for topic in answered for end in (topics.accepted, topics.rejected)),
                topics.shadow_branch(every),
                topics.jobs_branch(every),
            ],
        ),
        "cloud-ingest": (
            [topics.frames(every), topics.hello(every), topics.status(every), tariff],
            [topics.receipts(every), topics.accepted(tariff), topics.rejected(tariff)],
        ),
    }
    return {service: services[service] for service in SERVICES}


def broker_config(plan: BrokerPlan) -> str:
    """Render mosquitto.conf; the broker accepts TLS 1.2 and 1.3 with a certificate of ours only."""
    directory = plan.directory.resolve()
    lines = [
        "# Written by 'hearthlink fleet broker-config'; change it there.",
        f"pid_file {directory / PID_NAME}",
        f"acl_file {directory / ACCESS_LIST_NAME}",
        f"max_queued_messages {MAX_QUEUED_MESSAGES}",
        f"max_queued_bytes {MAX_QUEUED_BYTES}",
        f"max_inflight_messages {MAX_INFLIGHT_MESSAGES}",
        f"message_size_limit {MESSAGE_SIZE_LIMIT_BYTES}",
        f"memory_limit {MEMORY_LIMIT_BYTES}",
        "# Nothing of ours is retained, and what is would outlive its sender's revocation.",
        "retain_available false",
        f"max_keepalive {MAX_KEEPALIVE_S}",
        f"persistent_client_expiration {SESSION_EXPIRY}",
        "set_tcp_nodelay true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        *_persistence(plan, directory),
    ]
    if plan.as_root:
        lines += [
            "# As root the broker would change to a user who cannot read these keys.",
            "user root",
        ]
    lines += [
        "",
        "# For hubs: whatever client id they ask for, they get the name of their certificate.",
        *_listener(directory, plan.port, plan.address, MAX_CONNECTIONS),
        "use_username_as_clientid true",
        "",
        "# For the cloud's services, which name their connections themselves: not for hubs.",
        *_listener(directory, plan.services_port, plan.services_address, MAX_SERVICE_CONNECTIONS),
    ]
    return "\n".join(lines) + "\n"


def write_broker_config(
    authority: Authority,
    port: int,
    *,
    ephemeral: bool,
    services_port: int = 0,
    address: str = LOOPBACK,
    services_address: str = LOOPBACK,
) -> Path:
    """Write mosquitto.conf and the access list beside the certificates; return its path.

    Without `services_port` the services have the port after the hubs'. Raises OperatorError where
    the two cannot be.
    """
    services_port = services_port or port + 1
    if services_port == port or services_port > MAX_PORT:
        raise OperatorError(
            f"the services cannot have port {services_port} beside the hubs' {port}",
            hint="give another with --services-port",
        )
    plan = BrokerPlan(
        authority.directory,
        port,
        services_port,
        address,
        services_address,
        ephemeral,
        as_root=os.geteuid() == 0,
    )
    if not ephemeral:
        (authority.directory / PERSISTENCE_FOLDER).mkdir(mode=0o700, exist_ok=True)
    access = authority.directory / ACCESS_LIST_NAME
    access.write_text(access_list(), encoding="utf-8")
    # Mosquitto 2.1 refuses an access list that others may read.
    access.chmod(0o600)
    path = authority.directory / CONFIG_NAME
    path.write_text(broker_config(plan), encoding="utf-8")
    return path


def _listener(directory: Path, port: int, address: str, connections: int) -> list[str]:
    return [
        f"listener {port} {address}",
        f"max_connections {connections}",
        "# Without a tls_version line Mosquitto 2.0 accepts TLS 1.2 and 1.3.",
        f"cafile {directory / 'ca.crt'}",
        f"certfile {directory / 'server.crt'}",
        f"keyfile {directory / 'server.key'}",
        "# Past its nextUpdate it shuts everyone out; 'hearthlink cloud devices' writes it anew.",
        f"crlfile {directory / REVOCATIONS_NAME}",
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
    ]


def _persistence(plan: BrokerPlan, directory: Path) -> list[str]:
    if plan.ephemeral:
        return ["persistence false"]
    return [
        "# A convenience over restarts only: what counts as stored is said by receipts.",
        "persistence true",
        f"persistence_location {directory / PERSISTENCE_FOLDER}/",
        "autosave_interval 300",
    ]

"""Every MQTT topic, spelled here and nowhere else (docs/reference/topics.md is made from it).

Device to cloud: `hearthlink/v1/<thing>/frames|live|hello|status`; cloud to device:
`hearthlink/v1/<thing>/receipts`. Shadows (tariff, settings, health, live), provisioning and jobs
have AWS IoT's own topics, which Mosquitto carries as they are. Identity is the thing in the topic,
held true by the broker's access list, never a field of a payload.
"""

import re

from shared.errors import BadInputError

ROOT = "hearthlink/v1"
THING_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""A thing name: a client id, a certificate's common name and one topic level at once."""

SERVICE_PREFIX = "cloud-"
"""Common names that the access list lets see every household; no hub may have one."""

CLAIM_PREFIX = "claim-"
"""Common names of one-time claim identities: they may provision, no more; no hub has one."""

TARIFF_SHADOW = "tariff"
SETTINGS_SHADOW = "settings"
HEALTH_SHADOW = "health"
LIVE_SHADOW = "live"

ANY_SHADOW = "+"
"""Stands for every named shadow in a subscription filter."""

CREATE_FROM_CSR = "$aws/certificates/create-from-csr/json"
"""Where a certificate is asked for (AWS IoT fleet provisioning)."""

LEVELS = 4
"""The root's two levels, the thing, and what is said; an AWS topic has at least as many."""

FRAMES_QOS = 1
LIVE_QOS = 0


def check_thing(thing: str) -> str:
    """Return `thing` if it can name a hub; raise BadInputError otherwise."""
    if not THING_PATTERN.fullmatch(thing):
        raise BadInputError(
            f"thing name {thing!r} is not usable as a topic level",
            hint="use 1 to 64 letters, digits, '-' or '_', beginning with a letter or digit",
        )
    return thing


def check_hub(thing: str) -> str:
    """Return `thing` if a hub may have that name; raises BadInputError for reserved ones too."""
    for prefix in (SERVICE_PREFIX, CLAIM_PREFIX):
        if check_thing(thing).startswith(prefix):
            raise BadInputError(
                f"thing name {thing!r} is reserved",
                hint=f"choose a name that does not begin with {prefix!r}",
            )
    return thing


def frames(thing: str, prefix: str = "") -> str:
    """Where a hub publishes frames; `prefix` is "$aws/rules/<rule>/" for AWS Basic Ingest."""
    return f"{prefix}{ROOT}/{thing}/frames"


def live(thing: str) -> str:
    """Where a hub publishes live samples, before commit, QoS 0, never stored."""
    return f"{ROOT}/{thing}/live"


def hello(thing: str) -> str:
    """Where a hub says on connect what its logs hold."""
    return f"{ROOT}/{thing}/hello"


def status(thing: str) -> str:
    """Where a hub says it is online, and its last will that it is not."""
    return f"{ROOT}/{thing}/status"


def receipts(thing: str) -> str:
    """Where the cloud tells a hub what is stored."""
    return f"{ROOT}/{thing}/receipts"


def shadow_get(thing: str, shadow: str) -> str:
    """Where a hub asks for a named shadow (AWS IoT device shadow topics)."""
    return f"$aws/things/{thing}/shadow/name/{shadow}/get"


def shadow_get_accepted(thing: str, shadow: str) -> str:
    """Where a hub hears the shadow it asked for."""
    return f"{shadow_get(thing, shadow)}/accepted"


def shadow_get_rejected(thing: str, shadow: str) -> str:
    """Where a hub hears that there is no such shadow."""
    return f"{shadow_get(thing, shadow)}/rejected"


def shadow_delta(thing: str, shadow: str) -> str:
    """Where a hub hears that the shadow's desired state has changed."""
    return f"$aws/things/{thing}/shadow/name/{shadow}/update/delta"


def shadow_branch(thing: str) -> str:
    """Filter that matches all of one thing's shadow topics, and nothing else."""
    return f"$aws/things/{thing}/shadow/#"


def shadow_update(thing: str, shadow: str) -> str:
    """Where a hub reports its part of a named shadow."""
    return f"$aws/things/{thing}/shadow/name/{shadow}/update"


def provision(template: str) -> str:
    """Where a certificate is made a thing's (AWS IoT RegisterThing).

    Self-hosted, the template is the asker's own common name: the access list then proves who asks.
    """
    return f"$aws/provisioning-templates/{template}/provision/json"


def accepted(topic: str) -> str:
    """Where a request to one of AWS IoT's topics is answered."""
    return f"{topic}/accepted"


def rejected(topic: str) -> str:
    """Where it is answered that it is refused."""
    return f"{topic}/rejected"


def jobs_branch(thing: str) -> str:
    """Filter that matches all of one thing's job topics, and nothing else."""
    return f"$aws/things/{thing}/jobs/#"


def jobs_notify_next(thing: str) -> str:
    """Where a hub hears that another job is the next (AWS IoT jobs)."""
    return f"$aws/things/{thing}/jobs/notify-next"


def job_start_next(thing: str) -> str:
    """Where a hub asks for its next job, which thereby begins."""
    return f"$aws/things/{thing}/jobs/start-next"


def job_update(thing: str, job_id: str) -> str:
    """Where a hub reports how a job goes."""
    return f"$aws/things/{thing}/jobs/{job_id}/update"


ANY_THING = "+"
"""Stands for every thing in a subscription filter: `hello(ANY_THING)`."""


def shadow_requests(thing: str) -> list[str]:
    """List the filters of what a thing asks of its shadows: the one without a name, and the named.

    Answers and deltas are deeper, and match none of them.
    """
    kinds = ("get", "update", "delete")
    places = (f"$aws/things/{thing}/shadow", f"$aws/things/{thing}/shadow/name/+")
    return [f"{place}/{kind}" for place in places for kind in kinds]


def jobs_requests(thing: str) -> list[str]:
    """List the filters of what a thing asks or tells of its jobs."""
    branch = f"$aws/things/{thing}/jobs"
    return [f"{branch}/{kind}" for kind in ("get", "start-next", "+/get", "+/update")]


def branch_of(topic: str) -> str:
    """Name what of a thing an AWS topic is about: "shadow" or "jobs"; "" for any other topic."""
    levels = topic.split("/")
    is_of_thing = topic.startswith("$aws/things/") and len(levels) > LEVELS
    return levels[3] if is_of_thing and levels[3] in ("shadow", "jobs") else ""


def template_of(topic: str) -> str:
    """Read the template out of a provisioning topic; raises BadInputError for any other."""
    levels = topic.split("/")
    if len(levels) != len(provision("").split("/")) or topic != provision(levels[2]):
        raise BadInputError(f"topic {topic!r} names no template")
    return check_thing(levels[2])


def shared_subscription(group: str, topic_filter: str) -> str:
    """Let any number of workers share one subscription, each message going to one of them."""
    return f"$share/{group}/{topic_filter}"


def thing_of(topic: str) -> str:
    """Read the thing out of one of this project's topics; raise BadInputError for any other."""
    levels = topic.split("/")
    if topic.startswith(f"{ROOT}/") and len(levels) == LEVELS:
        return check_thing(levels[2])
    if topic.startswith("$aws/things/") and len(levels) >= LEVELS:
        return check_thing(levels[2])
    raise BadInputError(f"topic {topic!r} names no thing", hint="see docs/reference/topics.md")


def kind_of(topic: str) -> str:
    """Name the last level: "frames", "live", "hello", "status", "receipts", "get", "delta" …."""
    return topic.rsplit("/", 1)[-1]

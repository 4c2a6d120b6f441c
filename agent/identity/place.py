"""Where a hub belongs, and how far it has come on the way there: two documents. Pure."""

import enum

import msgspec

from agent.uplink.kinds import UplinkKind
from shared.errors import BadInputError


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """A hub's place in a cloud: everything but the key and the certificates.

    `template` and `parameters` are for renewing by RegisterThing; an empty template means the
    thing's own name. `api` is where an expired certificate is renewed (HOST[:PORT], empty: nowhere)
    and `pin` what its authority is known by.
    """

    thing: str
    host: str
    port: int
    kind: UplinkKind = UplinkKind.MQTT
    frames_prefix: str = ""
    template: str = ""
    parameters: dict[str, str] = {}
    api: str = ""
    pin: str = ""


class Purpose(enum.StrEnum):
    """Why a hub is on its way to another certificate."""

    JOIN = "join"
    RENEW = "renew"


class Step(enum.StrEnum):
    """The last thing that is done and durable."""

    BEGUN = "begun"
    REDEEMED = "redeemed"
    CERTIFIED = "certified"
    REGISTERED = "registered"


class Journal(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a hub that is cut off in between needs to go on. Secret while it holds a claim.

    `folder` is the folder of the identity that is being made; `template` and `parameters` are for
    RegisterThing; `token` makes the certificate a thing's.
    """

    purpose: Purpose
    step: Step
    folder: str
    claim: str = ""
    template: str = ""
    parameters: dict[str, str] = {}
    token: str = ""
    place: Place | None = None


def decode_place(content: bytes) -> Place:
    """Read a place; raises BadInputError."""
    try:
        return msgspec.json.decode(content, type=Place)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"not a hub's place: {error}") from error


def decode_journal(content: bytes) -> Journal:
    """Read a journal; raises BadInputError."""
    try:
        return msgspec.json.decode(content, type=Journal)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"not a journal of provisioning: {error}") from error

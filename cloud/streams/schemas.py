"""The shapes of the live endpoints, with the examples of the OpenAPI document."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cloud.live.repository import HubState
from shared.shadows import MAX_LIVE_S

DEFAULT_LIVE_S = 120
EXAMPLE_HUB = {"gateway": "hub-1", "state": "asked", "last_seen": "2026-03-01T12:00:00Z"}


class LiveAsk(BaseModel):
    """For how long live samples are wanted."""

    model_config = ConfigDict(extra="forbid")

    for_s: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_LIVE_S,
            description="Seconds from now; a stream that is open needs no such demand",
            examples=[120],
        ),
    ] = DEFAULT_LIVE_S


class LiveGateway(BaseModel):
    """A hub that reads the meter, and whether live samples of it are to be expected."""

    gateway: Annotated[str, Field(description="The hub's name", examples=["hub-1"])]
    state: Annotated[
        HubState,
        Field(
            description="asked: connected and asked for samples; offline: asked once it is back; "
            "consent: the household lets less leave its home; revoked: shut out",
            examples=["asked"],
        ),
    ]
    last_seen: Annotated[
        str,
        Field(
            description="When the cloud last heard of the hub, RFC 3339 in UTC",
            examples=["2026-03-01T12:00:00Z"],
        ),
    ]


class LiveDemanded(BaseModel):
    """What was asked of the meter's hubs."""

    meter: Annotated[str, Field(description="The meter's id", examples=["E0012345678901234"])]
    until: Annotated[
        str,
        Field(
            description="Until when samples are asked for, RFC 3339 in UTC",
            examples=["2026-03-01T12:02:00Z"],
        ),
    ]
    gateways: Annotated[
        list[LiveGateway],
        Field(description="The hubs that read the meter", examples=[[EXAMPLE_HUB]]),
    ]

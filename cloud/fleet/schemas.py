"""What the fleet's paths take and answer."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud.answers import Name
from cloud.households.tenancies import MAX_NAME_CHARS

MAX_THINGS = 10_000
"""Hubs that one request may name; a job for all names none."""

HUB_EXAMPLE: dict[str, Any] = {
    "thing": "hub-1",
    "household_id": "home",
    "is_online": True,
    "last_seen": "2026-03-01T12:00:00Z",
    "agent_version": "0.1.0",
    "revoked_at": None,
    "health_reported_at": "2026-03-01T12:00:00Z",
    "clock_source": "ntp",
    "clock_uncertainty_ms": 40,
    "backlog_samples": 0,
    "certificate_expires": "2029-02-28T12:00:00Z",
    "card_life_days": 4000,
    "slot": "a",
    "page_answers": True,
    "clone_seen_at": None,
    "clone_takeovers": 0,
    "meters": [
        {
            "meter": "E0001",
            "medium": "electricity",
            "protocol": "p1",
            "last_heard": "2026-03-01T12:00:00Z",
        }
    ],
    "problems": [],
    "concerns": [],
}


class HubEntry(BaseModel):
    """One hub: what ingest knows of it, what it says of itself, and what needs somebody.

    What comes from its health shadow is null until it has reported. `clone_seen_at` is when a
    second hub with this identity was seen, null where none was within a day.
    """

    thing: str
    household_id: str
    is_online: bool
    last_seen: str
    agent_version: str
    revoked_at: str | None
    health_reported_at: str | None
    clock_source: str | None
    clock_uncertainty_ms: int | None
    backlog_samples: int | None
    certificate_expires: str | None
    card_life_days: int | None
    slot: str | None
    page_answers: bool | None
    clone_seen_at: str | None
    clone_takeovers: int
    meters: list[dict[str, Any]]
    problems: list[str]
    concerns: list[str]

    model_config = ConfigDict(json_schema_extra={"example": HUB_EXAMPLE})


class HubPage(BaseModel):
    """Hubs by name, a page of them."""

    hubs: list[HubEntry]
    next: str | None
    next_cursor: str | None

    model_config = ConfigDict(
        json_schema_extra={"example": {"hubs": [HUB_EXAMPLE], "next": None, "next_cursor": None}}
    )


class SettingsEntry(BaseModel):
    """The settings asked of a hub, what it says that holds, and why it refused a change."""

    thing: str
    version: int
    desired: dict[str, Any]
    reported: dict[str, Any]
    refused: str
    is_applied: bool

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "thing": "hub-1",
                "version": 4,
                "desired": {"frame_interval_s": 60},
                "reported": {"frame_interval_s": 60},
                "refused": "",
                "is_applied": True,
            }
        }
    )


class HandoverRequest(BaseModel):
    """The household that a hub goes to: a new one by its name, or one there is by its id."""

    household: Name = Field("", max_length=MAX_NAME_CHARS)
    zone: str = "Europe/London"
    household_id: str = Field("", max_length=32)
    at: str = Field("", max_length=40)

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"household": "Flat 2", "zone": "Europe/London"}},
    )

    @model_validator(mode="after")
    def _check_named(self) -> "HandoverRequest":
        if not (self.household or self.household_id):
            raise ValueError("name a new household, or give the household_id of one there is")
        return self


class HandoverEntry(BaseModel):
    """A change of tenancy; `token` opens a new household's readings, and is told only here.

    It is "" for a household that was there before: its people are in already.
    """

    thing: str
    household_id: str
    household: str
    started_at: str
    meters: list[str]
    token: str

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "thing": "hub-1",
                "household_id": "00112233445566778899aabbccddeeff",
                "household": "Flat 2",
                "started_at": "2026-03-01T12:00:00Z",
                "meters": ["E0001"],
                "token": "told-once",
            }
        }
    )


class RevocationEntry(BaseModel):
    """Since when a hub is not heard, null where it is; `broker` says whether the broker knows."""

    thing: str
    revoked_at: str | None
    broker: str

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"thing": "hub-1", "revoked_at": "2026-03-01T12:00:00Z", "broker": "told"}
        }
    )

"""The shape of the change feed, with the examples of the OpenAPI document."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cloud.changes.kinds import ChangeKind


class ChangeEntry(BaseModel):
    """One thing that changed since the cursor; it is listed once, however often it did."""

    kind: Annotated[
        ChangeKind,
        Field(
            description="usage: what a meter used on `day`, and with it the cost; cost: prices of "
            "`day` alone; meter: it is new, or its medium is known; agreements: agreements, own "
            "tariff or top-ups; consent: what a gateway may send; gateway: shut out or let in",
            examples=["usage"],
        ),
    ]
    meter: Annotated[
        str | None,
        Field(
            description="The meter's id; null where the change is of a gateway",
            examples=["E0012345678901234"],
        ),
    ]
    gateway: Annotated[
        str | None,
        Field(description="The gateway's name; null where the change is of a meter", examples=[""]),
    ]
    day: Annotated[
        str | None,
        Field(
            description="The household's local date; null where every day, or no day, is meant",
            examples=["2026-03-01"],
        ),
    ]
    cost_until: Annotated[
        str | None,
        Field(
            description="The first day after `day` whose cost the change leaves as it was: the "
            "next, or under tiers by the month that of the next month; null where `day` is, and "
            "where nothing is said of costs",
            examples=["2026-03-02"],
        ),
    ]
    changed_at: Annotated[
        str,
        Field(
            description="When it last changed, RFC 3339 in UTC", examples=["2026-03-02T06:00:00Z"]
        ),
    ]


class ChangePage(BaseModel):
    """What changed, in the order in which it last did, and where to go on."""

    changes: Annotated[list[ChangeEntry], Field(description="Empty where nothing did")]
    next: Annotated[
        str,
        Field(
            description="Give it back as `after`; opaque, good for 90 days",
            examples=["kR0lq3sBAAAAAAAAAHs"],
        ),
    ]
    has_more: Annotated[
        bool, Field(description="Whether more is there already after `next`", examples=[False])
    ]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "changes": [
                    {
                        "kind": "usage",
                        "meter": "E0012345678901234",
                        "gateway": None,
                        "day": "2026-03-01",
                        "cost_until": "2026-03-02",
                        "changed_at": "2026-03-02T06:00:00Z",
                    }
                ],
                "next": "kR0lq3sBAAAAAAAAAHs",
                "has_more": False,
            }
        }
    )

"""The shapes of gaps and corrections, with the examples of the OpenAPI document."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from cloud.gaps.reasons import MissingReason

AT = "2026-03-01T00:30:00Z"
METER = "E0012345678901234"


class GapReason(BaseModel):
    """Why one hub has no reading of this time."""

    reason: Annotated[
        MissingReason,
        Field(
            description="not-received: the hub has it and will send it; lost: it will not come; "
            "withheld, thinned, damaged, untimed: as the hub declared; meter-silent: nothing was "
            "logged; gateway-offline, gateway-revoked; not-due: it is sent later; before-first; "
            "unknown: too long ago to tell",
            examples=["withheld"],
        ),
    ]
    gateway: Annotated[
        str | None, Field(description="The hub, null where none read the meter", examples=["hub-1"])
    ]
    samples: Annotated[
        int | None,
        Field(description="How many samples; null where that is not known", examples=[360]),
    ]
    since: Annotated[
        str | None,
        Field(
            description="Since when the cloud knows, RFC 3339 in UTC; null where it does not say",
            examples=[AT],
        ),
    ]


class MeterGap(BaseModel):
    """A time without a reading, and the half hours that are estimated or missing for it."""

    start: Annotated[
        str, Field(description="Where the first such half hour starts, UTC", examples=[AT])
    ]
    end: Annotated[
        str,
        Field(
            description="Where the last ends, UTC; not included", examples=["2026-03-01T02:00:00Z"]
        ),
    ]
    last_reading: Annotated[
        str | None,
        Field(description="The reading before it, UTC; null before a meter's first", examples=[AT]),
    ]
    next_reading: Annotated[
        str | None,
        Field(
            description="The reading after it, UTC; null where none has come yet",
            examples=["2026-03-01T01:55:00Z"],
        ),
    ]
    quality: Annotated[
        Literal["estimated", "missing"],
        Field(
            description="estimated: what was used is known, and is spread over the half hours; "
            "missing: nothing is known",
            examples=["estimated"],
        ),
    ]
    reasons: Annotated[
        list[GapReason],
        Field(
            description="Of each hub that read the meter, the most telling first",
            examples=[[{"reason": "withheld", "gateway": "hub-1", "samples": 360, "since": None}]],
        ),
    ]


class MeterGaps(BaseModel):
    """The gaps of a period, the earliest first."""

    meter: Annotated[str, Field(description="The meter's id", examples=[METER])]
    gaps: Annotated[list[MeterGap], Field(description="Empty where all was read")]
    next: Annotated[
        str | None,
        Field(
            description="Ask again with this as `from` for the rest, which may begin with a gap "
            "told already; null where that is all",
            examples=[None],
        ),
    ]


class CorrectionEntry(BaseModel):
    """A range of a hub's log that was sent anew, and now counts instead of what was there."""

    received_at: Annotated[
        str, Field(description="When it came, RFC 3339 in UTC", examples=["2026-03-02T06:00:00Z"])
    ]
    gateway: Annotated[str, Field(description="The hub that sent it", examples=["hub-1"])]
    log_id: Annotated[
        str, Field(description="The hub's log", examples=["00112233445566778899aabbccddeeff"])
    ]
    first_seq: Annotated[
        int, Field(description="First place in the log that it decides", examples=[8641])
    ]
    last_seq: Annotated[int, Field(description="Last such place, included", examples=[9000])]
    revision: Annotated[
        int, Field(description="The highest counts; what is sent first is 0", examples=[1])
    ]
    start: Annotated[
        str | None,
        Field(
            description="Time of the first sample it touches, UTC; null where that is not known",
            examples=[AT],
        ),
    ]
    end: Annotated[
        str | None,
        Field(description="Time of the last, UTC", examples=["2026-03-01T01:30:00Z"]),
    ]
    samples: Annotated[int, Field(description="Samples that it holds", examples=[358])]
    withheld: Annotated[
        int, Field(description="Places it takes out for the household's consent", examples=[0])
    ]
    thinned: Annotated[int, Field(description="Places given up to make room", examples=[0])]
    damaged: Annotated[int, Field(description="Places the hub cannot read", examples=[2])]
    untimed: Annotated[
        int, Field(description="Places of which nobody knows the time", examples=[0])
    ]


class CorrectionList(BaseModel):
    """The corrections that came in a period, the newest first; kept for 13 months."""

    meter: Annotated[str, Field(description="The meter's id", examples=[METER])]
    corrections: Annotated[list[CorrectionEntry], Field(description="Empty where none came")]
    next: Annotated[
        str | None,
        Field(
            description="Give it back as `before` for the rest; null at the end", examples=[None]
        ),
    ]

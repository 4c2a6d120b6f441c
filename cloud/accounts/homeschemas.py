"""What `/v1/households` and `/v1/invitations` take and answer."""

from typing import Annotated

from pydantic import BaseModel, Field

from cloud.accounts.schemas import Body, Code, Email, HomeEntry, Instant, Password, PersonName
from cloud.households.tenancies import MAX_NAME_CHARS
from cloud.roles import HOUSEHOLD_ROLES

ROLE_TEXT = f"One of {', '.join(HOUSEHOLD_ROLES)}."


class HomeBody(Body):
    """A household to make."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_NAME_CHARS,
            description="What to call it.",
            examples=["The cottage"],
        ),
    ]
    zone: Annotated[
        str,
        Field(max_length=64, description="IANA time zone of its days.", examples=["Europe/London"]),
    ] = ""


class HomeList(BaseModel):
    """The households a caller has part in, by name."""

    households: list[HomeEntry]


class MemberEntry(BaseModel):
    """Who has part in a household."""

    user: str = Field(description="The person's id.", examples=["3f9a0c5d7e1b2a4c6d8e0f1a2b3c4d5e"])
    name: str = Field(description="What they call themselves; may be empty.", examples=["Ada"])
    email: str | None = Field(
        description="What they sign in with here; null for whom a provider signs in.",
        examples=["ada@example.org"],
    )
    role: str = Field(description=ROLE_TEXT, examples=["owner"])
    started_at: Instant


class MemberList(BaseModel):
    """Who has part in a household, the longest first."""

    members: list[MemberEntry]


class RoleBody(Body):
    """What a member is to be."""

    role: Annotated[str, Field(max_length=16, description=ROLE_TEXT, examples=["viewer"])]


class InvitationEntry(BaseModel):
    """An invitation that can still be used."""

    invitation: str = Field(description="Its id.", examples=["3f9a0c5d7e1b2a4c6d8e0f1a2b3c4d5e"])
    role: str = Field(description=f"What it makes its user. {ROLE_TEXT}", examples=["member"])
    made_at: Instant
    expires_at: Instant


class InvitationMade(InvitationEntry):
    """An invitation just made: the only time that its code is told."""

    code: str = Field(
        description="For one person, once, within 7 days.", examples=["7K2Q-9M4X-AB0C-DEFG"]
    )
    link: str | None = Field(
        description="The same for a browser; null where `public_url` is not set.",
        examples=["https://home.example.org/app/#invitation=7K2Q-9M4X-AB0C-DEFG"],
    )


class InvitationList(BaseModel):
    """Invitations that wait, the oldest first."""

    invitations: list[InvitationEntry]


class WaitingEntry(InvitationEntry):
    """An invitation by which somebody joined with the caller's e-mail."""

    household: str = Field(description="The household's id.", examples=["home"])
    name: str = Field(description="What the household is called.", examples=["Home"])


class WaitingList(BaseModel):
    """Invitations that wait for the caller, the oldest first."""

    invitations: list[WaitingEntry]


class AcceptanceBody(Body):
    """The code of an invitation."""

    code: Code


class JoinBody(AcceptanceBody):
    """An invitation's code, and the account to make for who has none here yet."""

    email: Email
    name: PersonName
    password: Password


class TenancyEntry(BaseModel):
    """A hub or a meter while it was the household's."""

    kind: str = Field(description="hub or meter.", examples=["meter"])
    name: str = Field(description="The hub's name, or the meter's id.", examples=["4530303434"])
    started_at: str | None = Field(
        description="Since when, UTC; null: from before tenancies were kept.",
        examples=["2026-03-01T12:00:00Z"],
    )
    ended_at: str | None = Field(
        description="Until before when, UTC; null: it lasts.", examples=["2027-03-01T12:00:00Z"]
    )


class TenancyList(BaseModel):
    """What was and is the household's, hubs first, in order of name and time."""

    tenancies: list[TenancyEntry]

"""What `/v1/sessions`, `/v1/me` and `/v1/api-keys` take and answer."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cloud.accounts.keys import DAYS_DEFAULT, DAYS_MAX, MAX_NAME_CHARS
from cloud.accounts.users import MAX_EMAIL_CHARS
from cloud.accounts.users import MAX_NAME_CHARS as PERSON_CHARS
from cloud.roles import KEY_SCOPES

PASSWORD_CHARS = 512
"""Before any rule of passwords: what is read at all."""

CODE_CHARS = 40

Instant = Annotated[str, Field(description="UTC, RFC 3339.", examples=["2026-03-01T12:00:00Z"])]
MaybeInstant = Annotated[
    str | None, Field(description="UTC, RFC 3339; null: never.", examples=["2026-03-01T12:00:00Z"])
]
Email = Annotated[
    str,
    Field(
        max_length=MAX_EMAIL_CHARS,
        description="The name to sign in by; nothing is sent to it.",
        examples=["ada@example.org"],
    ),
]
Password = Annotated[
    str,
    Field(
        max_length=PASSWORD_CHARS,
        description="12 to 128 characters; what is tried first and what leaked is refused.",
        examples=["four words in no order"],
    ),
]
Code = Annotated[
    str,
    Field(
        max_length=CODE_CHARS,
        description="As it was told; case, blanks and hyphens do not matter.",
        examples=["7K2Q-9M4X-AB0C-DEFG"],
    ),
]
PersonName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=PERSON_CHARS,
        description="What other members see.",
        examples=["Ada"],
    ),
]


class Body(BaseModel):
    """A request's body; a field nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid")


class ProofBody(Body):
    """Password, and with a second factor a code of the app or a recovery code."""

    password: Password
    code: Annotated[
        str, Field(max_length=CODE_CHARS, description="Six digits of the app.", examples=["492039"])
    ] = ""
    recovery_code: Annotated[
        str,
        Field(
            max_length=CODE_CHARS,
            description="Instead of `code`; each works once.",
            examples=["7K2Q-9M4X-AB0C-DEFG"],
        ),
    ] = ""


class SignInBody(ProofBody):
    """Who signs in."""

    email: Email


class SessionEntry(BaseModel):
    """A session of the person who asks."""

    session: str = Field(description="Its id.", examples=["3f9a0c5d7e1b2a4c6d8e0f1a2b3c4d5e"])
    device: str = Field(
        description="What the program called itself.", examples=["Mozilla/5.0 (X11; Linux x86_64)"]
    )
    created_at: Instant
    seen_at: Annotated[
        str,
        Field(description="Last use, to the minute; UTC.", examples=["2026-03-01T12:20:00Z"]),
    ]
    ends_at: Annotated[
        str,
        Field(
            description="When it is over: 30 minutes idle, 12 hours in all; UTC.",
            examples=["2026-03-01T12:50:00Z"],
        ),
    ]
    proved_until: Annotated[
        str,
        Field(
            description="Until when sensitive requests need no new proof; UTC.",
            examples=["2026-03-01T12:05:00Z"],
        ),
    ]
    is_current: bool = Field(description="Whether it is the one that asks.", examples=[True])


class SessionList(BaseModel):
    """The sessions of a person, the latest used first."""

    sessions: list[SessionEntry]


class HomeEntry(BaseModel):
    """A household that the caller has part in."""

    household: str = Field(description="Its id, for `household` in a query.", examples=["home"])
    name: str = Field(description="What it is called.", examples=["Home"])
    zone: str = Field(description="IANA time zone of its days.", examples=["Europe/London"])
    role: str | None = Field(
        description="The person's role; null for a token or key.", examples=["owner"]
    )
    permissions: list[str] = Field(
        description="What the caller may do in it.", examples=[["household:read", "hubs:read"]]
    )


class Me(BaseModel):
    """Who calls."""

    kind: str = Field(
        description="session, access-token, api-key, household-token or operator-token.",
        examples=["session"],
    )
    user: str | None = Field(
        description="The person's id; null for a token or key.",
        examples=["3f9a0c5d7e1b2a4c6d8e0f1a2b3c4d5e"],
    )
    email: str | None = Field(
        description="What the person signs in with here; null for others.",
        examples=["ada@example.org"],
    )
    name: str = Field(description="The person's name; may be empty.", examples=["Ada"])
    is_operator: bool = Field(description="Whether the caller governs the fleet.", examples=[False])
    has_second_factor: bool = Field(description="Whether a code is asked for.", examples=[True])
    recovery_codes_left: int = Field(description="How many are not used.", examples=[10])
    households: list[HomeEntry]


class NameBody(Body):
    """What to call the person."""

    name: PersonName


class PasswordBody(Body):
    """A new password."""

    password: Password


class SetUpBody(Body):
    """A set-up code of `hearthlink cloud users`, and the password its person chooses."""

    code: Code
    password: Password


class CodeBody(Body):
    """A code of the app."""

    code: Annotated[
        str, Field(max_length=CODE_CHARS, description="Six digits.", examples=["492039"])
    ]


class FactorMade(BaseModel):
    """A second factor that a code has yet to confirm; told once."""

    secret: str = Field(
        description="For apps that take it typed.", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"]
    )
    uri: str = Field(
        description="For apps that read a QR code.",
        examples=["otpauth://totp/Hearthlink:ada%40example.org?secret=JBSWY3DPEHPK3PXP"],
    )
    qr_svg: str = Field(description="The same as a picture.", examples=["<svg …>"])


class RecoveryCodeList(BaseModel):
    """Codes that each stand for the app once; told once."""

    recovery_codes: list[str] = Field(
        description="Keep them on paper.", examples=[["7K2Q-9M4X-AB0C-DEFG"]]
    )


class KeyBody(Body):
    """What a key is for."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_NAME_CHARS,
            description="What uses it.",
            examples=["Home Assistant"],
        ),
    ]
    scopes: Annotated[
        list[str],
        Field(
            min_length=1,
            max_length=len(KEY_SCOPES),
            description=f"Of {', '.join(KEY_SCOPES)}.",
            examples=[["household:read"]],
        ),
    ]
    days: Annotated[
        int,
        Field(ge=1, le=DAYS_MAX, description="How long it opens, in days.", examples=[365]),
    ] = DAYS_DEFAULT


class KeyEntry(BaseModel):
    """A key, without what opens."""

    key_id: str = Field(description="Its id.", examples=["3f9a0c5d7e1b2a4c6d8e0f1a2b3c4d5e"])
    name: str = Field(description="What uses it.", examples=["Home Assistant"])
    scopes: list[str] = Field(description="What it may do.", examples=[["household:read"]])
    created_at: Instant
    expires_at: Instant
    last_used_at: Annotated[
        str | None,
        Field(
            description="Last use, to five minutes; UTC; null: never.",
            examples=["2026-03-01T12:00:00Z"],
        ),
    ]
    revoked_at: MaybeInstant


class KeyMade(KeyEntry):
    """A key just made: the only time that it is told."""

    key: str = Field(
        description="Sent as `Authorization: Bearer hl_…`.", examples=["hl_example-of-a-key"]
    )


class KeyList(BaseModel):
    """The keys of a household, the newest first; those that are over stay for 90 days."""

    keys: list[KeyEntry]

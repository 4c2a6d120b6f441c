"""The tables of people: how they sign in, what they have part in, and the keys they make.

As all tables (cloud/tables.py): times are UTC epoch milliseconds. Of what opens something only a
digest is kept.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    String,
    Table,
    UniqueConstraint,
    false,
)

from cloud.schema import metadata

users = Table(
    "users",
    metadata,
    Column("user_id", String(32), primary_key=True),
    Column("email", String(254)),
    Column("name", String(200), nullable=False),
    Column("issuer", String(255), nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("is_operator", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    UniqueConstraint("email", name="users_by_email"),
)
"""People, of no household; what they are to one is in `members`. `issuer` is "" where they sign in
here, and then `email` is their name."""

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", String(32), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("user_id", String(32), nullable=False),
    Column("device", String(200), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("proved_at_ms", BigInteger, nullable=False),
    UniqueConstraint("digest", name="sessions_by_digest"),
    Index("sessions_by_user", "user_id"),
    Index("sessions_by_age", "created_at_ms"),
)

known_devices = Table(
    "known_devices",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("user_id", String(32), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Index("known_devices_by_user", "user_id"),
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("user_id", String(32), primary_key=True),
    Column("secret", String(64), nullable=False),
    Column("is_confirmed", Boolean, nullable=False),
    Column("last_step", BigInteger, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("user_id", String(32), nullable=False),
    Index("recovery_codes_by_user", "user_id"),
)

set_up_codes = Table(
    "set_up_codes",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("user_id", String(32), nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Index("set_up_codes_by_user", "user_id"),
)

members = Table(
    "members",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("user_id", String(32), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Index("members_by_user", "user_id"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("invitation_id", String(32), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("made_by", String(32), nullable=False),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("user_id", String(32)),
    Column("is_of_new", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("digest", name="invitations_by_digest"),
    Index("invitations_by_household", "household_id"),
    Index("invitations_by_user", "user_id"),
)
"""`user_id` is whom one waits for since somebody joined by it, "" where it is spent; `is_of_new`
where joining made their account."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(32), primary_key=True),
    Column("household_id", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("user_id", String(32), nullable=False),
    Column("name", String(100), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("last_used_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
    UniqueConstraint("digest", name="api_keys_by_digest"),
    Index("api_keys_by_household", "household_id"),
)

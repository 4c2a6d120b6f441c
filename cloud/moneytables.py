"""The tables of money: agreements, tariffs, top-ups and the catalogue.

As all tables (cloud/tables.py): times are UTC epoch milliseconds, money millionths.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from cloud.schema import metadata

agreements = Table(
    "agreements",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("agreements", LargeBinary, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
)


top_ups = Table(
    "top_ups",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("top_up_id", String(64), primary_key=True),
    Column("paid_at_ms", BigInteger, nullable=False),
    Column("amount_millionths", BigInteger, nullable=False),
    Index("top_ups_by_time", "household_id", "meter", "paid_at_ms"),
)


catalogue = Table(
    "catalogue",
    metadata,
    Column("code", String(96), primary_key=True),
    Column("medium", String(16), nullable=False),
    Column("flow", String(16), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("offer", LargeBinary, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    Index("catalogue_by_medium", "medium", "flow"),
)
"""Tariffs anyone can have: no household's, written by the operator alone."""


catalogue_rates = Table(
    "catalogue_rates",
    metadata,
    Column("code", String(96), primary_key=True),
    Column("utc_day", Integer, primary_key=True, autoincrement=False),
    Column("prices", LargeBinary, nullable=False),
)
"""Half-hourly prices of the catalogue, 48 packed in a day's row (cloud/tariffs/ratedays.py)."""


tariffs = Table(
    "tariffs",
    metadata,
    Column("household_id", String(32), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("tariff", LargeBinary, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
)

"""What all tables are part of, so that their definitions may lie in several files."""

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

ROW_ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the key is exactly INTEGER."""

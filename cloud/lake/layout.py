"""Where things lie in a lake: the only module that spells an object's name. Pure.

    lake.json                                        which lake this is
    stores/<store id>                                the stores that have written to it
    tenant=<household>/year=/month=/day=/<piece>.parquet   samples
    tenant=<household>/corrections/<piece>.parquet         what a higher revision decides
    tenant=<household>/manifests/<piece>.json.gz           which frames a piece holds

Everything of a household lies under its own `tenant=` and nothing else does.
"""

import datetime as dt
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, unquote

import msgspec

from shared.calendar import slot_of_sample, utc_day_of_slot
from shared.ranges import Range

LAYOUT = 1
"""Part of every piece's name: raised where the same frames would make other objects."""

MARK = "lake.json"
STORES = "stores/"
_EPOCH = dt.date(1970, 1, 1)
DIGEST_BYTES = 16


class Place(NamedTuple):
    """A lake's URL, taken apart: a folder, or a bucket with what its objects' names begin with."""

    folder: str
    bucket: str
    prefix: str


def place_of(url: str) -> Place:
    """Take `s3://bucket/prefix` or a folder's path apart."""
    if not url.startswith("s3://"):
        return Place(url, "", "")
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    stem = prefix.strip("/")
    return Place("", bucket, f"{stem}/" if stem else "")


def day_of(taken_at_ms: int) -> int:
    """Number the UTC day a sample lies in: one at midnight closes the day before, as its slot."""
    return utc_day_of_slot(slot_of_sample(taken_at_ms))


def tenant_prefix(household_id: str) -> str:
    """Begin the names of everything that is a household's."""
    return f"tenant={quote(household_id, safe='')}/"


def tenant_of(name: str) -> str | None:
    """Tell whose an object is; None where it is no household's."""
    head = name.partition("/")[0]
    return unquote(head.removeprefix("tenant=")) if head.startswith("tenant=") else None


def samples_name(household_id: str, utc_day: int, piece: str) -> str:
    """Name the object with a day's samples of a piece."""
    day = _EPOCH + dt.timedelta(days=utc_day)
    part = f"year={day.year}/month={day.month:02}/day={day.day:02}"
    return f"{tenant_prefix(household_id)}{part}/{piece}.parquet"


def corrections_name(household_id: str, piece: str) -> str:
    """Name the object with the corrections of a piece."""
    return f"{corrections_prefix(household_id)}{piece}.parquet"


def corrections_prefix(household_id: str) -> str:
    """Begin the names of a household's corrections."""
    return f"{tenant_prefix(household_id)}corrections/"


def manifest_name(household_id: str, piece: str) -> str:
    """Name the manifest of a piece."""
    return f"{manifests_prefix(household_id)}{piece}.json.gz"


def manifests_prefix(household_id: str) -> str:
    """Begin the names of a household's manifests."""
    return f"{tenant_prefix(household_id)}manifests/"


def holds_samples(name: str) -> bool:
    """Tell whether an object holds samples."""
    return "/year=" in name and name.endswith(".parquet")


def holds_corrections(name: str) -> bool:
    """Tell whether an object holds corrections."""
    return "/corrections/" in name and name.endswith(".parquet")


def piece_name(household_id: str, frames: Sequence[tuple[str, Sequence[Range]]]) -> str:
    """Name a piece by its frames: digest, and the ranges of samples taken of each.

    The same frames make the same name, whenever they are exported.
    """
    said = msgspec.msgpack.encode([LAYOUT, household_id, frames])
    return digest_of(said)


def digest_of(content: bytes) -> str:
    """Name bytes by their content."""
    return blake2b(content, digest_size=DIGEST_BYTES).hexdigest()

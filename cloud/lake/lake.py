"""A lake as this store knows it: its objects, its id, and the mark that tells it from another.

The position in the database is of one lake and one store: an empty folder where a disk is not
mounted is not taken for the lake, and a store put back from a backup does not trust its position.
"""

import secrets
from typing import NamedTuple

import msgspec

from cloud.config import Config
from cloud.db import Database
from cloud.ingest.repository import store_id
from cloud.lake import layout, repository
from cloud.lake.disk import DiskObjects
from cloud.lake.manifest import Held, decode_manifest
from cloud.lake.objects import Objects
from shared.clock import Clock
from shared.errors import BadInputError, OperatorError


class Mark(msgspec.Struct, frozen=True):
    """What `lake.json` says."""

    lake_id: str
    layout: int


class Lake(NamedTuple):
    """A lake that is there; `is_shared` where other stores have written to it, too.

    A store that was put back from a backup has another name, and is another store here.
    """

    objects: Objects
    lake_id: str
    store_id: str
    url: str
    is_shared: bool

    def held(self, household_id: str) -> Held:
        """Read from its manifests what the lake holds of a household."""
        held = Held()
        for name, _ in self.objects.sizes(layout.manifests_prefix(household_id)):
            held.add(decode_manifest(self.objects.get(name) or b"", name))
        return held


def find_lake(config: Config, database: Database, clock: Clock) -> Lake:
    """Find the configured lake; raises OperatorError where there is none."""
    objects = _objects(config)
    mark = _read_mark(objects)
    if mark is None:
        raise OperatorError(
            f"there is no lake at {config.lake_url}",
            hint="is it mounted? 'hearthlink cloud lake export' begins a new one",
        )
    with database.writing() as connection:
        own = store_id(connection, clock.utc_ms())
    writers = {name.removeprefix(layout.STORES) for name, _ in objects.sizes(layout.STORES)}
    return Lake(objects, mark.lake_id, own, config.lake_url, bool(writers - {own}))


def open_lake(config: Config, database: Database, clock: Clock, *, anew: bool = False) -> Lake:
    """Find the configured lake to write to, or begin it where there never was one.

    Raises OperatorError where this store has exported to another lake there, unless `anew`.
    """
    objects = _objects(config)
    mark = _read_mark(objects)
    with database.writing() as connection:
        if anew and mark is None:
            repository.forget_lakes(connection, config.lake_url)
        known = repository.lakes_at(connection, config.lake_url)
        own = store_id(connection, clock.utc_ms())
    if known and (mark is None or mark.lake_id not in known):
        raise OperatorError(
            f"the lake at {config.lake_url} is not the one that was exported to",
            hint="is it mounted? To begin there anew: hearthlink cloud lake export --anew",
        )
    if mark is None:
        new = Mark(secrets.token_hex(16), layout.LAYOUT)
        objects.put(layout.MARK, msgspec.json.encode(new))
    objects.put(layout.STORES + own, b"\n")
    return find_lake(config, database, clock)


def objects_at(url: str, endpoint: str = "") -> Objects:
    """Open where a lake's objects are kept; makes nothing."""
    place = layout.place_of(url)
    if not place.bucket:
        return DiskObjects(place.folder)
    from cloud.lake.s3 import S3Objects  # noqa: PLC0415  # an extra that others do without

    return S3Objects(place, endpoint)


def _objects(config: Config) -> Objects:
    if not config.lake_url:
        raise OperatorError("no lake is configured", hint="set lake_url, see docs/how-to/lake.md")
    return objects_at(config.lake_url, config.lake_endpoint)


def _read_mark(objects: Objects) -> Mark | None:
    content = objects.get(layout.MARK)
    if content is None:
        return None
    try:
        mark = msgspec.json.decode(content, type=Mark)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"{layout.MARK} says nothing: {error}", hint="put it back") from error
    if mark.layout != layout.LAYOUT:
        raise OperatorError(
            f"the lake is of layout {mark.layout}, ours is {layout.LAYOUT}",
            hint="use the version of hearthlink that wrote it",
        )
    return mark

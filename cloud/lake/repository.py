"""How far a lake has got: the frames up to a number are in it, those of a window are on their way.

Frames are numbered as they are stored. A window is closed to the past when it opens, so a frame
that is committed later is always in a later window. Commits nothing.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from cloud.db import await_writers
from cloud.readings.store import StoredFrame
from cloud.tables import frames, lake_exports
from cloud.writes import upsert

PAGE_FRAMES = 64
"""Frames read at once: 8 MB at the largest."""


class Progress(NamedTuple):
    """How far a lake has got: up to `exported_to`, and in the window up to `window_to`.

    The households of an open window are exported in order; of `at_household` what is up to
    `at_frame` is done. A piece has at least `piece_rows` rows save a household's last, which is
    what decides where one ends.
    """

    lake_id: str
    url: str
    store_id: str
    exported_to: int
    window_to: int
    at_household: str
    at_frame: int
    piece_rows: int
    opened_at_ms: int

    @property
    def is_open(self) -> bool:
        """Tell whether a window is on its way."""
        return self.window_to > self.exported_to


_PROGRESS = [lake_exports.c[name] for name in Progress._fields]
_FRAME = [frames.c[name] for name in StoredFrame._fields]


def read_progress(connection: Connection, lake_id: str) -> Progress | None:
    """Read how far a lake has got; None where nothing was ever exported to it."""
    query = select(*_PROGRESS).where(lake_exports.c.lake_id == lake_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else Progress(*row)


def lock_progress(connection: Connection, new: Progress) -> Progress:
    """Read how far a lake has got, and keep others from moving it until the end; `new` is begun."""
    upsert(connection, lake_exports, [new._asdict()], keys=("lake_id",))
    query = select(*_PROGRESS).where(lake_exports.c.lake_id == new.lake_id).with_for_update()
    return Progress(*connection.execute(query).one())


def progress_at(connection: Connection, url: str, store_id: str) -> Progress | None:
    """Read how far this store has got with the lake at a URL, without a look at the lake."""
    query = select(*_PROGRESS).where(lake_exports.c.url == url, lake_exports.c.store_id == store_id)
    row = connection.execute(query.limit(1)).one_or_none()
    return None if row is None else Progress(*row)


def lakes_at(connection: Connection, url: str) -> list[str]:
    """List the lakes that this store has exported to at a URL."""
    query = select(lake_exports.c.lake_id).where(lake_exports.c.url == url)
    return list(connection.execute(query.order_by(lake_exports.c.lake_id)).scalars())


def forget_lakes(connection: Connection, url: str) -> None:
    """Forget the lakes at a URL: the next one there is begun from the first frame on."""
    connection.execute(delete(lake_exports).where(lake_exports.c.url == url))


def write_progress(connection: Connection, progress: Progress) -> None:
    """Write how far a lake has got, whatever was known of it."""
    names = [name for name in Progress._fields if name != "lake_id"]
    upsert(connection, lake_exports, [progress._asdict()], keys=("lake_id",), replace=names)


def advance(connection: Connection, progress: Progress) -> None:
    """Note how far the open window is done; another exporter may be further already."""
    is_behind = or_(
        lake_exports.c.at_household < progress.at_household,
        and_(
            lake_exports.c.at_household == progress.at_household,
            lake_exports.c.at_frame < progress.at_frame,
        ),
    )
    connection.execute(
        update(lake_exports)
        .where(_of_window(progress), is_behind)
        .values(at_household=progress.at_household, at_frame=progress.at_frame)
    )


def close_window(connection: Connection, progress: Progress) -> None:
    """Note that every frame of the window is in the lake."""
    connection.execute(
        update(lake_exports)
        .where(_of_window(progress))
        .values(exported_to=progress.window_to, at_household="", at_frame=0)
    )


def _of_window(progress: Progress) -> ColumnElement[bool]:
    return and_(
        lake_exports.c.lake_id == progress.lake_id,
        lake_exports.c.store_id == progress.store_id,
        lake_exports.c.window_to == progress.window_to,
    )


def newest_frame(connection: Connection) -> int:
    """Number the newest frame; none of a lower number can appear after this, nor before the end."""
    await_writers(connection, frames)
    return int(connection.execute(select(func.max(frames.c.frame_id))).scalar_one() or 0)


def next_household(connection: Connection, after: str) -> str | None:
    """Find the household of any frame that comes next in order."""
    query = select(func.min(frames.c.household_id)).where(frames.c.household_id > after)
    found: str | None = connection.execute(query).scalar_one()
    return found


def frames_after(
    connection: Connection, household_id: str, after: int, until: int
) -> list[tuple[int, StoredFrame]]:
    """Read a household's next frames by number, at most `PAGE_FRAMES`, none above `until`."""
    query = (
        select(frames.c.frame_id, *_FRAME)
        .where(
            frames.c.household_id == household_id,
            frames.c.frame_id > after,
            frames.c.frame_id <= until,
        )
        .order_by(frames.c.frame_id)
        .limit(PAGE_FRAMES)
    )
    return [(row[0], StoredFrame(*row[1:])) for row in connection.execute(query)]


def count_after(connection: Connection, after: int, until: int) -> int:
    """Count the frames above one number and up to another."""
    query = select(func.count()).where(frames.c.frame_id > after, frames.c.frame_id <= until)
    return int(connection.execute(query).scalar_one())


def overdue(connection: Connection, exported_to: int, before_ms: int) -> int:
    """Count the frames that came before an instant and are not in the lake."""
    query = select(func.count()).where(
        frames.c.frame_id > exported_to, frames.c.received_at_ms < before_ms
    )
    return int(connection.execute(query).scalar_one())

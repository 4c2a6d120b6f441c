"""SQL over the lake: what the store would say, from Parquet alone, and nothing but reading."""

from collections.abc import Iterator
from pathlib import Path

import boto3  # type: ignore[import-untyped]  # it ships no types
import pytest

from cloud.lake.disk import DiskObjects
from cloud.lake.query import opened
from cloud.lake.s3 import S3Objects
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import RunKey
from shared.errors import BadInputError, OperatorError
from shared.frames import Gap, GapKind, encode_frame, frame_of
from shared.progress import Progress
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.cloud import LOG_ID, METER, START_MS, config_in, payload_of, samples_of
from tests.support.ingest import HOME
from tests.support.lake import LakeStage, s3_endpoint

DAY = START_MS // MS_PER_DAY
USAGE = """
SELECT starts_at, closing - lag(closing) OVER (
    PARTITION BY tenant, meter, register, run ORDER BY starts_at) AS used_mwh
FROM half_hours WHERE register = 'import_mwh' ORDER BY starts_at"""


@pytest.fixture(name="stage", scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> LakeStage:
    stage = LakeStage(tmp_path_factory.mktemp("cloud"))
    stage.send(payload_of(samples_of(1, 600, every_ms=60_000)))
    stage.send(payload_of(samples_of(100, 50, every_ms=60_000, value=2_000_000), revision=1))
    stage.send(payload_of(samples_of(601, 2_000, every_ms=60_000)))
    withheld = frame_of(LOG_ID, METER, 2, [], gaps=[Gap(GapKind.WITHHELD, 300, 420)])
    stage.send(encode_frame(withheld))
    stage.export()
    return stage


def test_half_hours_are_the_stores_own(stage: LakeStage) -> None:
    """Each slot's opening and closing equals the meter-days', after every correction."""
    with stage.database.reading() as connection:
        days = SqlReadingStore(connection).days(HOME, METER, RunKey("import_mwh", ""), DAY, DAY + 9)

    found = stage.ask(
        "SELECT epoch_ms(starts_at), opening_at_ms, opening, closing_at_ms, closing "
        "FROM half_hours ORDER BY 1"
    )

    assert found == [
        (slot * SLOT_MS, *edges)
        for day in sorted(days)
        for slot, edges in sorted(days[day].items())
    ]


def test_usage_is_a_difference_of_closings(stage: LakeStage) -> None:
    """As the page on the lake shows it."""
    used = [row[1] for row in stage.ask(USAGE)]

    assert used[0] is None
    assert used[30:-1] == [30_000] * len(used[30:-1])


def test_day_is_asked_for_by_its_partition(stage: LakeStage) -> None:
    """Only that day's objects are read, and the slots in it are whole."""
    slots = stage.ask("SELECT count(*), sum(samples) FROM half_hours WHERE day = 2")

    assert slots == [(39, 1160)]


@pytest.mark.parametrize(
    "sql",
    [
        "DROP VIEW samples",
        "SELECT 1; SELECT 2",
        "COPY samples TO '{folder}/copy.csv'",
        "CREATE TABLE t AS SELECT 1",
        "SET memory_limit = '64GB'",
        "ATTACH '{folder}/new.db'",
        "INSTALL httpfs",
        "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT * FROM '/etc/hostname'",
        "SELECT * FROM no_such_table",
        "SELEC",
        "",
    ],
)
def test_all_but_reading_the_lake_is_refused(stage: LakeStage, sql: str) -> None:
    """And so is what is no SQL; each with a hint."""
    with pytest.raises(BadInputError) as refused:
        stage.ask(sql.format(folder=stage.folder))

    assert refused.value.hint


def test_lake_without_samples_has_its_tables(tmp_path: Path) -> None:
    """Empty ones, of the same columns."""
    with opened(DiskObjects(str(tmp_path / "none"))) as tables:
        (page,) = tables.answer("SELECT * FROM half_hours")
        (samples,) = tables.answer("SELECT * FROM samples")

    assert (page.rows, samples.rows) == ([], [])
    assert "taken_at" in samples.columns


def test_memory_is_bounded(stage: LakeStage) -> None:
    """What needs more goes to disk; what cannot is refused, with what to do."""
    wide = (
        "SELECT s.seq, repeat(s.meter, 50) AS r FROM samples s, range(200) ORDER BY r, s.seq DESC"
    )
    with opened(DiskObjects(str(stage.folder)), memory_mb=64) as tables:
        count = sum(len(page.rows) for page in tables.answer(f"{wide} LIMIT 200000"))
        with pytest.raises(OperatorError, match="not enough memory") as refused:
            list(tables.answer("SELECT length(string_agg(repeat(meter, 9999))) FROM samples, "
                               "range(20)"))  # fmt: skip

    assert count == 200_000
    assert "--memory-mb" in refused.value.hint


def test_query_is_given_up_on_an_interrupt(
    stage: LakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for it need not wait for its end."""

    def interrupt(_bar: Progress, _done: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "show", interrupt)
    with pytest.raises(KeyboardInterrupt):
        stage.ask("SELECT sum(hash(a.range)) FROM range(100000000) a, range(100000) b")


@pytest.fixture(name="endpoint")
def _endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of-the-tests")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with s3_endpoint() as endpoint:
        yield endpoint


def test_lake_in_s3_is_the_same_lake(
    stage: LakeStage, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exported, asked and verified there; the objects are byte for byte those on disk."""
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="the-lake")
    there = {"lake_url": "s3://the-lake/some/prefix/", "lake_endpoint": endpoint}
    monkeypatch.setattr(stage, "config", config_in(stage.folder.parent, **there))
    lake = stage.lake()
    assert isinstance(lake.objects, S3Objects)

    stage.export(lake)

    found = {name: lake.objects.get(name) for name, _ in lake.objects.sizes("tenant=")}
    assert found == stage.files()
    with opened(lake.objects, "home") as tables:
        (page,) = tables.answer("SELECT count(*), sum(value) FROM samples WHERE day = 2")
    assert page.rows == stage.ask("SELECT count(*), sum(value) FROM samples WHERE day = 2")
    assert stage.verify().faults == []

"""The page on the lake: its queries run, and its tables are those of the files."""

import re
from pathlib import Path
from string import Template

import duckdb
import pytest

from cloud.lake.layout import corrections_name, samples_name
from cloud.lake.rows import CORRECTIONS, SAMPLES
from shared.units import MS_PER_DAY
from tests.docs.generate import ROOT
from tests.support.cloud import START_MS, payload_of, samples_of
from tests.support.lake import LakeStage

PAGE = (ROOT / "docs" / "how-to" / "lake.md").read_text()
BLOCKS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
USED, POWER, ONCE, WRITTEN, CORRECTED = BLOCKS
ATHENA = {"string": "string", "bigint": "int64", "int": "int32"}


@pytest.fixture(name="stage", scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> LakeStage:
    stage = LakeStage(tmp_path_factory.mktemp("cloud"))
    stage.send(payload_of(samples_of(1, 900)))
    stage.send(payload_of(samples_of(1, 90, register="power_import_w"), revision=1))
    stage.export()
    return stage


def test_queries_of_the_page_run(stage: LakeStage) -> None:
    """Used energy by half hour, and power by minute of a day."""
    assert [row[1] for row in stage.ask(USED)] == [None, 180_000, 180_000, 180_000, 180_000][:5]
    assert len(stage.ask(POWER)) == 16


def test_any_reader_sees_each_sample_once(stage: LakeStage) -> None:
    """DuckDB's own reader of Parquet, with the condition that the page gives."""
    tenant = stage.folder / "tenant=*"
    files = {
        "written": tenant / "year=*" / "month=*" / "day=*" / "*.parquet",
        "corrections": tenant / "corrections" / "*.parquet",
    }
    connection = duckdb.connect()
    for name, pattern in files.items():
        connection.execute(
            f"CREATE VIEW {name} AS FROM read_parquet('{pattern}', hive_partitioning = true)"
        )

    found = connection.sql(f"SELECT seq, revision, register, value FROM ({ONCE}) ORDER BY ALL")

    assert found.fetchall() == stage.ask(
        "SELECT seq, revision, register, value FROM samples ORDER BY ALL"
    )
    assert connection.sql("SELECT count(*) FROM written").fetchall() == [(990,)]
    connection.close()


@pytest.mark.parametrize(
    ("block", "schema"), [(WRITTEN, SAMPLES), (CORRECTED, CORRECTIONS)], ids=["written", "decided"]
)
def test_athena_tables_are_those_of_the_files(block: str, schema: object) -> None:
    """Column by column, in name and type; each partition has its projection."""
    columns = block.partition("(")[2].partition(")")[0].split(",")
    said = [(name, ATHENA[kind]) for name, kind in (column.split() for column in columns)]
    (partitions,) = re.findall(r"PARTITIONED BY \((.*?)\)", block)

    assert said == [(field.name, str(field.type)) for field in schema]  # type: ignore[attr-defined]  # a schema
    for partition in partitions.split(", "):
        assert f"'projection.{partition.split()[0]}.type'" in block


def test_athena_looks_where_the_files_are() -> None:
    """Its templates give the folders of the objects' names."""
    values = {"tenant": "home", "year": "2026", "month": "03", "day": "01"}
    day = START_MS // MS_PER_DAY
    names = (samples_name("home", day, "x"), corrections_name("home", "x"))

    for block, name in zip((WRITTEN, CORRECTED), names, strict=True):
        (template,) = re.findall(r"'storage.location.template' =\s+'(.*?)'", block)
        folder = Template(template).substitute(values)
        assert folder == f"s3://my-bucket/lake/{Path(name).parent}/"

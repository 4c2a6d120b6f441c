"""The contract of a lake's objects, held by a folder and by S3."""

from collections.abc import Iterator
from pathlib import Path

import boto3  # type: ignore[import-untyped]  # it ships no types
import pytest

from cloud.lake.lake import objects_at
from cloud.lake.objects import LakeError, Objects
from tests.support.lake import s3_endpoint

BUCKET = "lake"


@pytest.fixture(name="endpoint", scope="module")
def _endpoint() -> Iterator[str]:
    with s3_endpoint() as endpoint:
        yield endpoint


@pytest.fixture(name="objects", params=["disk", "s3"])
def _objects(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Objects:
    if request.param == "disk":
        return objects_at(str(tmp_path / "lake"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of-the-tests")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    endpoint = request.getfixturevalue("endpoint")
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=BUCKET)
    return objects_at(f"s3://{BUCKET}/{tmp_path.name}", endpoint)


def test_what_was_put_is_there_and_never_replaced(objects: Objects) -> None:
    """A second put of a name hears what the first has written."""
    first = objects.put("a/b.parquet", b"one")
    second = objects.put("a/b.parquet", b"another")

    assert (first, second, objects.get("a/b.parquet")) == (b"one", b"one", b"one")


def test_what_is_not_there_is_none(objects: Objects) -> None:
    """Asking for it is no error."""
    assert objects.get("a/b.parquet") is None
    assert list(objects.sizes("")) == []


def test_names_are_listed_in_order_by_how_they_begin(objects: Objects) -> None:
    """A prefix may end within a name."""
    for name in ("b/2", "b/10", "bc/1", "a"):
        objects.put(name, b"12345")

    assert list(objects.sizes("b/")) == [("b/10", 5), ("b/2", 5)]
    assert [name for name, _ in objects.sizes("b")] == ["b/10", "b/2", "bc/1"]
    assert [name for name, _ in objects.sizes("")] == ["a", "b/10", "b/2", "bc/1"]


def test_prefix_is_deleted_and_its_neighbours_stay(objects: Objects) -> None:
    """One household's objects go; one whose name begins alike keeps its own."""
    for name in ("tenant=1/a/x", "tenant=1/b/y", "tenant=11/a/x"):
        objects.put(name, b"x")

    assert objects.delete("tenant=1/") == 2
    assert [name for name, _ in objects.sizes("")] == ["tenant=11/a/x"]


def test_arrow_reads_what_was_put(objects: Objects) -> None:
    """By the same names, those with a percent sign too."""
    objects.put("tenant=a%2Fb/x", b"content")

    with objects.filesystem().open_input_file("tenant=a%2Fb/x") as file:
        assert file.read() == b"content"


def test_store_out_of_reach_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file where the folder should be, and a bucket that is not there: both may pass."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-tests")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    (tmp_path / "file").write_text("")

    with s3_endpoint() as endpoint:
        for objects in (objects_at(str(tmp_path / "file")), objects_at("s3://none", endpoint)):
            with pytest.raises(LakeError, match="cannot be used"):
                objects.put("a", b"x")

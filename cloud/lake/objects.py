"""The port behind which a lake's objects are kept: a folder (`disk`) or a bucket (`s3`).

An object is written once and whole, or is not there; nothing rewrites one in place. Adapters are
held to tests/contracts/test_lake_objects.py.
"""

from collections.abc import Iterator
from typing import Protocol

from pyarrow import fs  # type: ignore[import-untyped]  # it ships no types

from shared.errors import RetryableError


class LakeError(RetryableError):
    """The lake could not be read or written; trying again later may do."""


class Objects(Protocol):
    """A lake's objects by name; every call raises LakeError where the lake is out of reach."""

    def put(self, name: str, content: bytes) -> bytes:
        """Publish an object whole; return what is there now, which is older where it was there."""

    def get(self, name: str) -> bytes | None:
        """Read an object; None where there is none."""

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """List names that begin so, with their bytes, in order."""

    def delete(self, prefix: str) -> int:
        """Delete every object whose name begins so; return how many there were."""

    def sweep(self, now_ms: int) -> None:
        """Remove what writers that were killed have left behind."""

    def filesystem(self) -> fs.FileSystem:
        """Let Arrow read the objects by their names."""

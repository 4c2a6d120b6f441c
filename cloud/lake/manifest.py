"""A piece's manifest: which frames it holds, and in which objects. Pure.

It is written after its objects: a piece without one is not finished, and is made again.
"""

import gzip
import zlib
from collections.abc import Iterable

import msgspec

from shared.errors import BadInputError
from shared.ranges import Range, subtract, union

MAX_MANIFEST_BYTES = 16 << 20
"""The ten thousand frames that a piece has at the most take 3 MB."""

GZIP = 16 + zlib.MAX_WBITS


class WrittenFrame(msgspec.Struct, frozen=True):
    """A frame of the store in a piece; `taken` are the sequences whose samples the piece holds.

    That is all of its samples, save where an earlier piece holds some already.
    """

    digest: str
    log_id: str
    revision: int
    first_seq: int
    last_seq: int
    taken: list[Range]


class WrittenObject(msgspec.Struct, frozen=True):
    """An object of a piece: its name, size, BLAKE2b-128 of its bytes, and its rows."""

    name: str
    size_bytes: int
    digest: str
    rows: int


class Manifest(msgspec.Struct, frozen=True):
    """A piece: frames of one household and the objects that hold their samples."""

    layout: int
    household_id: str
    store_id: str
    frames: list[WrittenFrame]
    objects: list[WrittenObject]


def encode_manifest(manifest: Manifest) -> bytes:
    """Write a manifest as gzipped JSON: the same manifest makes the same bytes."""
    return gzip.compress(msgspec.json.encode(manifest), mtime=0)


def decode_manifest(content: bytes, name: str) -> Manifest:
    """Read a manifest; raises BadInputError where it is none."""
    try:
        inflater = zlib.decompressobj(wbits=GZIP)
        said = inflater.decompress(content, MAX_MANIFEST_BYTES)
        return _decode(said)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise BadInputError(
            f"{name} is no manifest: {error}", hint="put it back from a copy of the lake"
        ) from error


_decode = msgspec.json.Decoder(Manifest).decode


class Held:
    """What manifests say that a household's part of the lake holds."""

    def __init__(self) -> None:
        self.digests: set[str] = set()
        self._taken: dict[tuple[str, int], list[Range]] = {}

    def add(self, manifest: Manifest) -> None:
        """Take a manifest's frames in."""
        for one in manifest.frames:
            self.digests.add(one.digest)
            key = (one.log_id, one.revision)
            self._taken[key] = union([*self._taken.get(key, []), *one.taken])

    def missing(self, log_id: str, revision: int, sampled: Iterable[Range]) -> list[Range]:
        """List which of these places the lake has no sample of, at this revision."""
        return subtract(sampled, self._taken.get((log_id, revision), []))

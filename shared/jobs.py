"""Jobs: what the cloud may ask a hub to do once, as a strictly read document. Pure."""

import enum
import re
from typing import Annotated

import msgspec

from shared.errors import BadInputError

MAX_DOCUMENT_BYTES = 8 * 1024
"""AWS allows 32 KB; ours name at most one artefact."""

MAX_ARTEFACT_BYTES = 256 * 1024 * 1024
"""A whole slot with its Python packages has about 60 MB."""

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Operation(enum.StrEnum):
    """What a job asks for."""

    RESTART = "restart"
    DIAGNOSE = "diagnose"
    ROTATE = "rotate"
    UPDATE = "update"


class JobStatus(enum.StrEnum):
    """How a job stands, in the words of AWS IoT jobs."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"
    TIMED_OUT = "TIMED_OUT"
    CANCELED = "CANCELED"

    @property
    def is_final(self) -> bool:
        """Tell whether nothing can follow."""
        return self not in (JobStatus.QUEUED, JobStatus.IN_PROGRESS)


class Target(enum.StrEnum):
    """What an artefact is put into."""

    AGENT = "agent"
    PANEL = "panel"
    RADIO = "radio"


class Artefact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to install: where it is, what it must be, and the maker's signature of that.

    `signature` is Ed25519 over `statement()` in Base64; `key_id` names the key that made it.
    """

    target: Target
    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,5}(\.[0-9]{1,5}){2}$")]
    url: Annotated[str, msgspec.Meta(max_length=2048)]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, msgspec.Meta(gt=0, le=MAX_ARTEFACT_BYTES)]
    key_id: Annotated[str, msgspec.Meta(max_length=64)]
    signature: Annotated[str, msgspec.Meta(max_length=128)]

    def statement(self) -> bytes:
        """Write what is signed; where the artefact lies is left out, so that it may be mirrored."""
        said = (self.target, self.version, self.sha256, str(self.size_bytes))
        return b"hearthlink artefact v1\n" + "\n".join(said).encode("ascii")


class JobDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a job asks for; `expires_at_ms` is the last instant at which it may begin."""

    operation: Operation
    expires_at_ms: int
    artefact: Artefact | None = None


def decode_document(payload: bytes) -> JobDocument:
    """Read a job document.

    Raises BadInputError where it is too long, not one, asks for what is not known, or is an update
    of nothing: such a job is rejected with that reason.
    """
    if len(payload) > MAX_DOCUMENT_BYTES:
        raise BadInputError(f"job document of {len(payload)} bytes; {MAX_DOCUMENT_BYTES} at most")
    try:
        document = msgspec.json.decode(payload, type=JobDocument)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"not a job document: {error}") from error
    if (document.operation is Operation.UPDATE) != (document.artefact is not None):
        raise BadInputError(f"job document: {document.operation} with or without an artefact")
    return document


def version_key(version: str) -> tuple[int, ...]:
    """Order versions by their numbers: an artefact older than what runs is refused."""
    return tuple(int(part) for part in version.split("."))

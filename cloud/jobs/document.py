"""Whether a job's document may go out: more than shared/jobs.py, which says what one is. Pure."""

import msgspec

from shared.errors import BadInputError
from shared.jobs import JOB_ID, JobDocument, decode_document
from shared.units import MS_PER_DAY

MAX_LIFE_MS = 400 * MS_PER_DAY
"""A hub may lie unplugged for a year and still take the job when it is back."""

SECURE = "https://"
LOOPBACK = ("http://127.0.0.1:", "http://localhost:", "http://[::1]:")
"""Where an artefact may come from without TLS: this machine, which tests and the demo are."""


def check_job_id(job_id: str) -> str:
    """Return `job_id` if it can name a job; raise BadInputError otherwise."""
    if not JOB_ID.fullmatch(job_id):
        raise BadInputError(
            f"job_id = {job_id!r} cannot name a job",
            hint="use 1 to 64 letters, digits, '-' or '_'",
        )
    return job_id


def check_document(payload: bytes, now_ms: int) -> JobDocument:
    """Read a document that is to go out; raises BadInputError with the reason where it may not."""
    document = decode_document(payload)
    if document.expires_at_ms <= now_ms:
        raise BadInputError(
            f"expires_at_ms = {document.expires_at_ms} has passed", hint="give a later one"
        )
    if document.expires_at_ms > now_ms + MAX_LIFE_MS:
        raise BadInputError(
            f"expires_at_ms = {document.expires_at_ms} is over {MAX_LIFE_MS // MS_PER_DAY} days "
            "away",
            hint="give an earlier one, and the job again when it has passed",
        )
    if document.artefact is not None:
        _check_url(document.artefact.url)
    return document


def encode_document(document: JobDocument) -> bytes:
    """Write a document as it goes out: what is not there is left out."""
    fields = msgspec.structs.asdict(document)
    return msgspec.json.encode({name: said for name, said in fields.items() if said is not None})


def _check_url(url: str) -> None:
    hint = "give https://HOST/PATH to the artefact itself"
    if not url.startswith((SECURE, *LOOPBACK)):
        raise BadInputError(f"artefact.url = {url!r} is not https", hint=hint)
    host, _, path = url.partition("://")[2].partition("/")
    # A percent sign could hide either dot or slash from whoever judges the path after us.
    if ".." in path.split("/") or "%" in path or "\\" in url or "@" in host or not path:
        raise BadInputError(f"artefact.url = {url!r} leaves its folder or hides it", hint=hint)
    if not url.isascii() or any(sign.isspace() or not sign.isprintable() for sign in url):
        raise BadInputError(f"artefact.url = {url!r} has signs that no URL has", hint=hint)

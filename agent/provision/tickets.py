"""What an installer brings: a claim's text, or a bundle that AWS made. Only reads files."""

from pathlib import Path

import msgspec

from shared.claims import read_claim, write_claim
from shared.enrolment import RedeemAnswer
from shared.errors import BadInputError, OperatorError

MAX_FILE_BYTES = 64 * 1024
"""A bundle has two certificates and a key."""


def read_ticket(text: str, host: str = "") -> str | RedeemAnswer:
    """Read a claim, written out in full, or a bundle; raises OperatorError for neither.

    A bundle is the JSON of what redeeming answers with (`shared.enrolment.RedeemAnswer`); a code
    alone is redeemed at `host`.
    """
    try:
        if text.lstrip().startswith("{"):
            return msgspec.json.decode(text, type=RedeemAnswer)
        return write_claim(read_claim(text, host))
    except BadInputError as error:
        raise OperatorError(f"this is no claim: {error.message}", hint=error.hint) from error
    except msgspec.MsgspecError as error:
        raise OperatorError(
            f"this is no claim: {error}", hint="see docs/how-to/provision.md"
        ) from error


def read_ticket_file(path: Path, host: str = "") -> str | RedeemAnswer:
    """Read a claim or a bundle from a file; lines that begin with # are remarks."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_FILE_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} cannot be read: {error}", hint="name a claim's file") from (
            error
        )
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return read_ticket(kept, host)

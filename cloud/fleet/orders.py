"""Claims that an installer ordered by a form: one each, however often the form is sent or reloaded.

A form carries a word of its own; it and what was typed name the order. What was made of it is kept
as every write's answer is (cloud/transfer/memory.py): for a day, enciphered by who signed in and
the order's name, so that a claim's code still stands nowhere in the clear.
"""

import secrets
from collections.abc import Callable, Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from cloud.db import Database
from cloud.fleet.installpage import WORD
from cloud.registry.port import Ticket
from cloud.transfer import memory
from cloud.transfer.memory import Answer

WORD_BYTES = 16
MEDIA_TYPE = "application/msgpack"


class Order(NamedTuple):
    """An order of one who has signed in; `name` stands in its page's address."""

    credential: str
    name: str

    @property
    def claim(self) -> memory.Claim:
        """What it is kept under."""
        return memory.claim_of(self.credential.encode(), self.name)


def new_word() -> str:
    """Make the word of a form that is about to be shown."""
    return secrets.token_urlsafe(WORD_BYTES)


def order_of(credential: str, form: Mapping[str, str]) -> Order:
    """Name the order of a form; one without a word is another each time."""
    fields = dict(form)
    fields[WORD] = fields.get(WORD) or new_word()
    said = msgspec.json.encode(sorted(fields.items()))
    return Order(credential, sha256(said).hexdigest())


def make_once(database: Database, order: Order, now_ms: int, make: Callable[[], Ticket]) -> None:
    """Make what is ordered, unless that was done; what `make` raises leaves the order open.

    Raises ProblemError as `cloud.transfer.memory.begin`.
    """
    if memory.begin(database, order.claim, order.name, now_ms) is not None:
        return
    try:
        ticket = make()
    except BaseException:
        memory.release(database, order.claim)
        raise
    kept = Answer(
        HTTPStatus.CREATED, [("content-type", MEDIA_TYPE)], msgspec.msgpack.encode(ticket)
    )
    memory.keep(database, order.claim, kept)


def find_made(database: Database, order: Order) -> Ticket | None:
    """Find what was made of an order, None for none; raises as `cloud.transfer.memory.recall`."""
    answer = memory.recall(database, order.claim)
    return None if answer is None else msgspec.msgpack.decode(answer.body, type=Ticket)

"""What the household answers and sets at its page, apart from what leaves the home and from claims.

A message is acknowledged, a budget set; both want the PIN, as every change does (changes.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent.home.budget import parse_budget
from agent.home.changes import Acknowledgement, BudgetChange, Changes
from agent.home.problems import problem
from shared.errors import HearthlinkError


@dataclass(frozen=True, slots=True)
class HouseholdDoor:
    """What the hub does for it.

    `acknowledge` takes a message's id and returns False where there is none; `set_budget` takes
    millionths for a month, or None for no budget, and raises HearthlinkError for a full disk.
    """

    acknowledge: Callable[[int], bool]
    set_budget: Callable[[int | None], None]


class HouseholdPosts:
    """The endpoints; `forget` has the view computed anew."""

    def __init__(self, changes: Changes, door: HouseholdDoor, forget: Callable[[], None]) -> None:
        self._changes = changes
        self._door = door
        self._forget = forget

    async def acknowledge(self, request: Request) -> Response:
        """Note that a message was read, for whoever knows the PIN."""
        answer = await self._changes.read(request, Acknowledgement)
        if isinstance(answer, Response):
            return answer
        if not self._door.acknowledge(answer.id):
            hint = "Load the page again: it may be gone."
            return problem(404, "No such message", f"There is no message {answer.id}.", hint)
        return self._done()

    async def change_budget(self, request: Request) -> Response:
        """Set the budget for a month, or none, for whoever knows the PIN."""
        change = await self._changes.read(request, BudgetChange)
        if isinstance(change, Response):
            return change
        try:
            self._door.set_budget(parse_budget(change.amount))
        except HearthlinkError as error:
            return problem(422, "Not possible", error.message, error.hint)
        return self._done()

    def _done(self) -> Response:
        self._forget()
        body = msgspec.json.encode({})
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

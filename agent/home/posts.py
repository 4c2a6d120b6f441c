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
from agent.home.guard import problem
from shared.errors import HearthlinkError


@dataclass(frozen=True, slots=True)
class HouseholdDoor:
    """What the hub does for it; both raise HearthlinkError for what they refuse.

    `acknowledge` takes a message's id, `set_budget` millionths for a month, or None for no budget.
    """

    acknowledge: Callable[[int], None]
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
        return self._do(lambda: self._door.acknowledge(answer.id))

    async def change_budget(self, request: Request) -> Response:
        """Set the budget for a month, or none, for whoever knows the PIN."""
        change = await self._changes.read(request, BudgetChange)
        if isinstance(change, Response):
            return change
        return self._do(lambda: self._door.set_budget(parse_budget(change.amount)))

    def _do(self, act: Callable[[], None]) -> Response:
        try:
            act()
        except HearthlinkError as error:
            return problem(422, "Not possible", error.message, error.hint)
        self._forget()
        body = msgspec.json.encode({})
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

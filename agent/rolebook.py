"""Remembers what each meter stands for, beyond a restart, so that no total counts it twice."""

import logging
import sqlite3

import msgspec

from agent.history import History
from agent.log import Log
from agent.roles import Role

ROLES_FACT = "meter_roles"

_logger = logging.getLogger(__name__)


class RoleBook:
    """The role of each meter that has a log; tells the history which to leave out of its totals."""

    def __init__(self, log: Log, history: History) -> None:
        self._log = log
        self._history = history
        self._roles: dict[str, Role] = {}
        self._heard_as: dict[str, Role] = {}

    def restore(self) -> None:
        """Go on from what was noted of the meters that still have a log."""
        roles = msgspec.json.decode(self._log.fact(ROLES_FACT) or b"{}", type=dict[str, Role])
        with_logs = {meter_log.meter for meter_log in self._log.all_logs()}
        self._roles = {meter: role for meter, role in roles.items() if meter in with_logs}
        self._leave_out()

    def role_of(self, meter: str) -> Role:
        """Say what a meter stands for in the home's totals."""
        return self._roles.get(meter, Role.SUPPLY)

    def meters_of(self, role: Role) -> frozenset[str]:
        """List the meters noted with a role other than the supply's."""
        return frozenset(meter for meter, its_role in self._roles.items() if its_role is role)

    def note(self, meter: str, role: Role) -> None:
        """Take note of the role of the link that a meter was heard on.

        Heard on links of different roles, it is the supply's, or what it was first.
        """
        if role is not Role.SUPPLY:
            role = self._heard_as.setdefault(meter, role)
        self._heard_as[meter] = role
        if self.role_of(meter) is role:
            return
        self._roles[meter] = role
        self._leave_out()
        try:
            self._log.put_fact(ROLES_FACT, msgspec.json.encode(self._roles))
        except sqlite3.Error as error:
            _logger.warning("the role of meter %s could not be kept: %s", meter, error)

    def _leave_out(self) -> None:
        others = {meter for meter, role in self._roles.items() if role is not Role.SUPPLY}
        self._history.leave_out(frozenset(others))

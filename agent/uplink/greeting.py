"""What a hello says that the hub holds, and which logs it has not been answered for."""

from collections.abc import Sequence

from agent.reader import LogReader
from agent.records import MeterLog
from shared.protocol import MAX_LOGS_PER_HELLO, LogState, Receipt
from shared.units import MS_PER_SECOND

ANSWER_MS = 20 * MS_PER_SECOND
MAX_ASKS = 3
"""A cloud that never answers for one log must not keep the hub from sending it for ever. One that
answers for none, as it does while a hub is revoked, has not been asked yet.
"""


def log_states(log: LogReader) -> list[LogState]:
    """List what each of the newest logs still holds; of an empty one, where it goes on.

    That too must be asked: on a card that was put back the cloud may know rows of it.
    """
    states = []
    for one in log.all_logs()[-MAX_LOGS_PER_HELLO:]:
        first_seq, last_seq = log.held_range(one.log) or (one.next_seq, one.next_seq - 1)
        states.append(LogState(one.log_id.hex(), one.meter, first_seq, last_seq))
    return states


class Asked:
    """The logs that the last hello listed and no answer to it has named yet.

    Until then the hub cannot know whether its next sequences have been used before, by another
    copy of its card: it frames nothing of such a log.
    """

    def __init__(self) -> None:
        self._hello_id = ""
        self._awaited: set[str] = set()
        self._asks = 1
        self._is_heard = False

    def ask(self, hello_id: str, states: Sequence[LogState]) -> None:
        """Note a hello; it takes the place of the one before."""
        self._asks = self._asks + self._is_heard if self._awaited else 1
        self._is_heard = False
        self._hello_id = hello_id
        self._awaited = {state.log_id for state in states}

    def hear(self, receipt: Receipt) -> None:
        """Note a receipt; one that does not answer the last hello may be older than it."""
        if receipt.answers == self._hello_id:
            self._is_heard = True
            self._awaited.discard(receipt.log_id)

    def is_awaited(self, log: MeterLog) -> bool:
        """Tell whether a log's answer is still to come, and still waited for."""
        return self._asks <= MAX_ASKS and log.log_id.hex() in self._awaited

    def is_overdue(self, since_ms: int) -> bool:
        """Tell whether an answer is missing for so long that the hub asks again."""
        return bool(self._awaited) and self._asks <= MAX_ASKS and since_ms > ANSWER_MS

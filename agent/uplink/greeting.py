"""What a hello says that the hub holds, and which logs it has not been answered for."""

from collections.abc import Collection, Mapping, Sequence

from agent.reader import READ_BACK_ROWS, LogReader
from agent.records import MeterLog
from agent.starts import MAX_STARTS, parts
from shared.proofs import Proof, proof_of
from shared.protocol import MAX_LOGS_PER_HELLO, MAX_PROOFS_PER_HELLO, LogState, Receipt
from shared.units import MS_PER_SECOND

ANSWER_MS = 20 * MS_PER_SECOND
MAX_ASKS = 3
"""A cloud that never answers for one log must not keep the hub from sending it for ever. One that
answers for none, as it does while a hub is revoked, has not been asked yet.
"""


PROVED_AT_ONCE = MAX_PROOFS_PER_HELLO // MAX_STARTS
"""Logs that one hello proves; the others have their turn with the next."""


def log_states(log: LogReader, proofs: Mapping[int, list[Proof]] | None = None) -> list[LogState]:
    """List what each of the newest logs still holds; of an empty one, where it goes on.

    That too must be asked: on a card that was put back the cloud may know rows of it.
    """
    states = []
    for one in log.all_logs()[-MAX_LOGS_PER_HELLO:]:
        first_seq, last_seq = log.held_range(one.log) or (one.next_seq, one.next_seq - 1)
        said = (proofs or {}).get(one.log, [])
        states.append(LogState(one.log_id.hex(), one.meter, first_seq, last_seq, said))
    return states


def proofs_of(log: LogReader, of_log: int, starts: Sequence[int], newest_seq: int) -> list[Proof]:
    """Prove the parts of unanswered starts, each by its last sound row the cloud may know."""
    proofs = []
    for first_seq, last_seq in parts(starts, newest_seq):
        looked_at = min(last_seq - first_seq + 1, READ_BACK_ROWS)
        row = next(log.rows_back(of_log, last_seq, looked_at), None)
        if row is not None:
            proofs.append(proof_of(row.seq, row.registers))
    return proofs


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
        self._proved: Collection[int] = ()
        self._is_doubted = False

    def ask(self, hello_id: str, states: Sequence[LogState], proved: Collection[int] = ()) -> None:
        """Note a hello, and which logs it proves; it takes the place of the one before."""
        self._proved, self._is_doubted = proved, False
        self._asks = self._asks + self._is_heard if self._awaited else 1
        self._is_heard = False
        self._hello_id = hello_id
        self._awaited = {state.log_id for state in states}

    def is_answer(self, receipt: Receipt) -> bool:
        """Tell whether a receipt answers the last hello; any other may be older than it."""
        return self._hello_id != "" and receipt.answers == self._hello_id

    def is_proved(self, log: int) -> bool:
        """Tell whether the last hello proved this log's parts, as far as it could."""
        return log in self._proved

    def doubt(self) -> None:
        """Note an answer that settles nothing without proofs: the hub asks again at once."""
        self._asks, self._is_doubted = 1, True

    def hear(self, receipt: Receipt) -> None:
        """Note a receipt; one that does not answer the last hello changes nothing."""
        if self.is_answer(receipt):
            self._is_heard = True
            self._awaited.discard(receipt.log_id)

    def is_awaited(self, log: MeterLog) -> bool:
        """Tell whether a log's answer is still to come, and still waited for."""
        return self._asks <= MAX_ASKS and log.log_id.hex() in self._awaited

    def is_overdue(self, since_ms: int) -> bool:
        """Tell whether an answer is missing for so long that the hub asks again."""
        is_late = self._asks <= MAX_ASKS and since_ms > ANSWER_MS
        return bool(self._awaited) and (is_late or self._is_doubted)

"""What a hello says that the hub holds. Changes nothing."""

from agent.reader import LogReader
from shared.protocol import MAX_LOGS_PER_HELLO, LogState


def log_states(log: LogReader) -> list[LogState]:
    """List what each log still holds, of the newest ones; a log without rows has nothing to say."""
    return [
        LogState(meter_log.log_id.hex(), meter_log.meter, held[0], held[1])
        for meter_log in log.all_logs()[-MAX_LOGS_PER_HELLO:]
        if (held := log.held_range(meter_log.log)) is not None
    ]

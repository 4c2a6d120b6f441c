"""How fast the hub commits and sends: what its own file says, unless the cloud set it. Pure.

Consent is no part of it: it decides what may leave, this how soon.
"""

from dataclasses import dataclass

from shared.shadows import RemoteSettings


@dataclass(frozen=True, slots=True)
class Pace:
    """What holds now."""

    frame_interval_s: float
    backlog_frames_per_s: float
    commit_window_s: float

    def with_remote(self, asked: RemoteSettings) -> "Pace":
        """Return the pace of the file with what the cloud set instead."""
        return Pace(
            _or(asked.frame_interval_s, self.frame_interval_s),
            _or(asked.backlog_frames_per_s, self.backlog_frames_per_s),
            _or(asked.commit_window_s, self.commit_window_s),
        )


def _or(asked: float | None, own: float) -> float:
    return own if asked is None else asked

"""The API with meters that were read at chosen instants, and files to import."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response

from cloud.app import create_app
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from shared.clock import DrivenClock
from shared.frames import encode_frame
from shared.readings import StampedSample
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.cloud import HEADERS, METER, START_MS, config_in, frame_at


class UsageStage:
    """One household; each meter has a log and a hub of its own."""

    def __init__(
        self, directory: Path, zone: str = "Europe/London", now_ms: int = START_MS + 40 * MS_PER_DAY
    ) -> None:
        self.clock = DrivenClock(now_ms)
        self.app = create_app(config_in(directory, zone=zone), self.clock)
        self.database = self.app.state.parts.database
        self.client = TestClient(self.app, raise_server_exceptions=False)
        self._ingest = IngestService(self.database, self.clock, Rules())
        self._logs = 0

    def read(
        self,
        values: Mapping[int, int | Mapping[str, int]],
        register: str = "import_mwh",
        meter: str = METER,
        run: str = "",
    ) -> None:
        """Let a meter display these values at these instants: of one register, or of several.

        `run` names the run of `register`, as a hub does that saw the meter begin anew.
        """
        self._logs += 1
        log_id = self._logs.to_bytes(16, "big")
        samples = [
            StampedSample(seq, at_ms, {register: value} if isinstance(value, int) else dict(value))
            for seq, (at_ms, value) in enumerate(values.items(), start=1)
        ]
        for place in range(0, len(samples), 2_000):
            runs = {register: (run, 0)}
            frame = frame_at(samples[place : place + 2_000], log_id=log_id, meter=meter, runs=runs)
            message = Message(f"hub-{self._logs}", encode_frame(frame), self.clock.utc_ms())
            self._ingest.ingest([message])

    def read_half_hours(
        self,
        count: int,
        start_ms: int = START_MS,
        rise: int = 1_000,
        register: str = "import_mwh",
        meter: str = METER,
        base: int = 0,
    ) -> None:
        """Let a meter count steadily, read on each half hour."""
        self.read(
            {start_ms + n * SLOT_MS: base + n * rise for n in range(count + 1)}, register, meter
        )

    def ask(self, method: str, path: str, body: bytes = b"", /, **query: Any) -> Response:
        """Ask with a raw body; `start` is the query's `from`."""
        asked = {{"start": "from"}.get(key, key): value for key, value in query.items()}
        return self.client.request(
            method, f"/v1/{path}", params=asked, headers=HEADERS, content=body
        )

    def get(self, path: str, status: int = 200, /, **query: Any) -> Any:
        """Get a path; the answer must have this status."""
        answer = self.ask("GET", path, **query)
        assert answer.status_code == status, answer.text
        return answer.json()

    def usage(self, start: str, to: str, resolution: str = "half-hour") -> list[dict[str, Any]]:
        """Get the intervals of the tests' meter."""
        report = self.get(f"meters/{METER}/usage", start=start, to=to, resolution=resolution)
        found: list[dict[str, Any]] = report["intervals"]
        return found

    def bring(self, body: bytes | str, status: int = 201, /, **query: Any) -> Any:
        """Import a file for the tests' meter; the answer must have this status."""
        raw = body.encode() if isinstance(body, str) else body
        answer = self.ask("POST", "imports", raw, **{"meter": METER, **query})
        assert answer.status_code == status, answer.text
        return answer.json()

"""A fleet's API on a database of its own, with hubs that say hello, send and report."""

import json
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from cloud.app import create_app
from cloud.fleet.authority import Authority
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.jobs.requests import JobDesk
from cloud.shadows.requests import ShadowDesk
from shared.clock import DrivenClock
from shared.protocol import Hello, LogState, Receipt, Status, encode_message
from shared.units import MS_PER_DAY
from tests.support.cloud import HEADERS, LOG_ID, METER, START_MS, config_in, payload_of, samples_of

NOW_MS = START_MS + 600_000
HEALTH: dict[str, Any] = {
    "agent_version": "0.1.0",
    "reported_at_ms": NOW_MS,
    "clock_source": "ntp",
    "clock_uncertainty_ms": 40,
    "backlog_samples": 0,
    "certificate_expires_ms": NOW_MS + 900 * MS_PER_DAY,
    "card_life_days": 4_000,
    "slot": "a",
    "page_answers": True,
    "meters": [
        {
            "meter": METER,
            "medium": "electricity",
            "protocol": "p1",
            "last_heard_ms": NOW_MS,
            "signal_dbm": -61,
        }
    ],
}


class FleetApi:
    """The application, ingest and the hubs' requests on one database."""

    def __init__(self, directory: Path, now_ms: int = NOW_MS) -> None:
        self.clock = DrivenClock(now_ms)
        self.authority = Authority(directory / "fleet", self.clock)
        self.authority.prepare()
        signer = self.authority.credentials("cloud-api")
        config = config_in(
            directory,
            hub_ca=signer.authority,
            report_cert=signer.certificate,
            report_key=signer.key,
        )
        self.app = create_app(config, self.clock)
        self.database = self.app.state.parts.database
        self.client = TestClient(self.app, raise_server_exceptions=False)
        self.ingest = IngestService(self.database, self.clock, Rules())
        self.shadows = ShadowDesk(self.database)
        self.jobs = JobDesk(self.database)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Call a guarded path that must answer 200."""
        answer = self.client.request(method, f"/v1/{path}", headers=HEADERS, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def problem(self, status: int, method: str, path: str, **options: Any) -> Any:
        """Call a guarded path that must answer with a problem."""
        answer = self.client.request(method, f"/v1/{path}", headers=HEADERS, **options)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.json()

    def wait(self, span_ms: int) -> None:
        """Let time pass."""
        self.clock.advance_to(self.clock.utc_ms() + span_ms)

    def add(self, thing: str) -> None:
        """Note a hub that was never heard."""
        self.app.state.parts.registry.add_thing(thing)

    def connect(self, thing: str) -> None:
        """Let a hub come online, say hello and report its health."""
        self.ingest.note_status(thing, encode_message(Status("c", online=True)))
        self.ingest.greet(thing, encode_message(Hello("0.1.0", 1, [])))
        expires_ms = self.clock.utc_ms() + 900 * MS_PER_DAY
        self.report(thing, "health", {**HEALTH, "certificate_expires_ms": expires_ms})

    def report(self, thing: str, shadow: str, reported: dict[str, Any]) -> None:
        """Let a hub report into a shadow."""
        topic = f"$aws/things/{thing}/shadow/name/{shadow}/update"
        payload = json.dumps({"state": {"reported": reported}}).encode()
        self.shadows.answer(thing, topic, payload, self.clock.utc_ms())

    def send(
        self,
        thing: str,
        first_seq: int = 1,
        count: int = 6,
        *,
        log_id: bytes = LOG_ID,
        start_ms: int = START_MS,
        value: int = 1_000_000,
    ) -> list[Receipt]:
        """Let a hub send a frame of the tests' meter."""
        samples = samples_of(first_seq, count, start_ms=start_ms, value=value)
        message = Message(thing, payload_of(samples, log_id=log_id), self.clock.utc_ms())
        return [receipt for _, receipt in self.ingest.ingest([message])]

    def greet(self, thing: str, log_id: bytes = LOG_ID) -> list[Receipt]:
        """Let a hub say hello with one log."""
        hello = Hello("0.1.0", 1, [LogState(log_id.hex(), METER, 1, 6)])
        return [receipt for _, receipt in self.ingest.greet(thing, encode_message(hello))]

"""The whole API with everything switched on, and a household that has something of each kind."""

from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from cloud.app import create_app
from cloud.fleet.authority import Authority
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from shared.clock import DrivenClock
from shared.readings import StampedSample
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.cloud import HEADERS, METER, START_MS, config_in, payload_of

THING = "hub-1"
JOB = "restart-1"
TOP_UP = "till-1"
CODE = "FLAT"
NOW_MS = START_MS + 3 * MS_PER_DAY
HALF_HOURS = 96

TARIFF: dict[str, Any] = {
    "name": "Flat",
    "currency": "GBP",
    "versions": [
        {
            "version": "2026",
            "starts_on": "2026-01-01",
            "standing_millionths_per_day": 600_000,
            "vat_permille": 50,
            "prices": {"kind": "flat", "price_millionths_per_kwh": 250_000},
        }
    ],
}

KNOWN = {
    "meter": METER,
    "thing": THING,
    "job_id": JOB,
    "top_up_id": TOP_UP,
    "code": CODE,
    "dead_letter_id": 1,
}
"""What stands for a path's parameters."""


class ApiStage:
    """The application over a folder of its own; `client` is the operator's."""

    def __init__(self, directory: Path, **settings: object) -> None:
        self.clock = DrivenClock(NOW_MS)
        authority = Authority(directory / "fleet", self.clock)
        authority.prepare()
        signer = authority.credentials("cloud-api")
        self.config = config_in(
            directory,
            fleet_dir=authority.directory,
            hub_ca=authority.certificate,
            report_cert=signer.certificate,
            report_key=signer.key,
            claim_host="cloud.example.org",
            hub_broker_host="broker.example.org",
            broker_reload="true",
            **settings,
        )
        self.app = create_app(self.config, self.clock)
        self.database = self.app.state.parts.database
        self.client = TestClient(self.app, raise_server_exceptions=False, headers=HEADERS)

    def furnish(self) -> None:
        """Give the household a meter with two days, a tariff, a hub, a job and a dead letter."""
        ingest = IngestService(self.database, self.clock, Rules())
        samples = [
            StampedSample(seq, START_MS + seq * SLOT_MS, {"import_mwh": 1_000 + seq * 250_000})
            for seq in range(1, HALF_HOURS + 2)
        ]
        now_ms = self.clock.utc_ms()
        ingest.ingest([Message(THING, payload_of(samples), now_ms)])
        ingest.ingest([Message(THING, b"no frame", now_ms)])
        self._put(f"meters/{METER}/tariff", TARIFF)
        document = {"operation": "restart", "expires_at_ms": now_ms + MS_PER_DAY}
        self._send("POST", "fleet/jobs", {"job_id": JOB, "document": document, "things": [THING]})

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def _put(self, path: str, document: Any) -> None:
        self._send("PUT", path, document)

    def _send(self, method: str, path: str, document: Any) -> None:
        answer = self.client.request(method, f"/v1/{path}", json=document)
        assert answer.status_code == 200, answer.text

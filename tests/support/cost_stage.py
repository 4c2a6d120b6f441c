"""The API with a meter that has a history, and a catalogue imported by the operator's command."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from cloud.app import create_app
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.tariffs import cli
from shared.clock import DrivenClock
from shared.frames import encode_frame
from shared.readings import StampedSample
from shared.units import MS_PER_DAY, SLOT_MS
from tests.support.cloud import HEADERS, METER, START_MS, config_in, frame_at

KWH = 1_000_000


class CostStage:
    """One household whose meter read on each half hour from 2026-03-01 on."""

    def __init__(self, directory: Path, now_ms: int = START_MS + 400 * MS_PER_DAY) -> None:
        self.directory = directory
        self.clock = DrivenClock(now_ms)
        self.config = config_in(directory, zone="Europe/London")
        self.app = create_app(self.config, self.clock)
        self.database = self.app.state.parts.database
        self.client = TestClient(self.app, raise_server_exceptions=False)
        self._ingest = IngestService(self.database, self.clock, Rules())

    def read_meter(
        self, amounts: Sequence[int], register: str = "import_mwh", log: bytes = b"1" * 16
    ) -> None:
        """Let the meter count these amounts, one a half hour."""
        value = 0
        samples = [StampedSample(0, START_MS, {register: value})]
        for seq, amount in enumerate(amounts, start=1):
            value += amount
            samples.append(StampedSample(seq, START_MS + seq * SLOT_MS, {register: value}))
        frames = [
            frame_at(samples[place : place + 2_000], log_id=log)
            for place in range(0, len(samples), 2_000)
        ]
        self._ingest.ingest(
            [Message("hub-1", encode_frame(one), self.clock.utc_ms()) for one in frames]
        )

    def say(self, at_ms: int, registers: dict[str, int]) -> None:
        """Let the meter say these registers once, in a log of their own."""
        frame = frame_at([StampedSample(0, at_ms, registers)], log_id=b"2" * 16)
        self._ingest.ingest([Message("hub-1", encode_frame(frame), self.clock.utc_ms())])

    def import_file(self, document: Any, **options: Any) -> None:
        """Import a catalogue document as the operator does."""
        file = self.directory / "catalogue.json"
        file.write_text(json.dumps(document))
        asked = cli.Asked(file, **options)
        assert cli.import_file(self.config, self.database, self.clock, asked, as_json=True) == 0

    def put(self, path: str, document: Any, status: int = 200) -> Any:
        """Put a document; the answer must have this status."""
        answer = self.client.put(f"/v1/{path}", json=document, headers=HEADERS)
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str, status: int = 200, /, **query: str) -> Any:
        """Get a path; the answer must have this status."""
        answer = self.client.get(f"/v1/{path}", params=query, headers=HEADERS)
        assert answer.status_code == status, answer.text
        return answer.json()

    def meter(self, path: str, status: int = 200, /, **query: str) -> Any:
        """Get a path of the meter; `start` is its `from`."""
        asked = {{"start": "from"}.get(key, key): value for key, value in query.items()}
        return self.get(f"meters/{METER}/{path}", status, **asked)


def flat_offer(code: str, price: int, **keys: Any) -> dict[str, Any]:
    """Spell an offer at one price, 5 % VAT and no standing charge."""
    return {
        "code": code,
        "medium": "electricity",
        "tariff": {
            "name": code.title(),
            "currency": "GBP",
            "versions": [version({"kind": "flat", "price_millionths_per_kwh": price})],
        },
        **keys,
    }


def version(prices: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Spell a version from 2020 on, without a standing charge."""
    return {
        "version": "v1",
        "starts_on": "2020-01-01",
        "standing_millionths_per_day": 0,
        "vat_permille": 50,
        "prices": prices,
        **keys,
    }


def rates_page(*rows: tuple[str, str | None, float], vat: float = 1.05) -> dict[str, Any]:
    """Spell a page of published rates, the newest first: from, to, pence without VAT."""
    results = [
        {
            "value_exc_vat": pence,
            "value_inc_vat": round(pence * vat, 4),
            "valid_from": start,
            "valid_to": end,
            "payment_method": None,
        }
        for start, end, pence in reversed(rows)
    ]
    return {"count": len(results), "next": None, "previous": None, "results": results}

"""Two households behind one API, and every question that one of them can ask."""

from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import select

from cloud.app import create_app
from cloud.db import Database
from cloud.households.tenancies import hand_over
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.scope import Scope
from cloud.tables import metadata
from shared.clock import DrivenClock
from shared.frames import encode_frame
from shared.units import MS_PER_DAY
from tests.support.cloud import START_MS, config_in, frame_at, samples_of

NOW_MS = START_MS + MS_PER_DAY
PERIOD = {"from": "2026-03-01", "to": "2026-03-02"}
AHEAD = {"from": "2026-03-01", "to": "2026-04-01"}
TARIFF = {
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
TOP_UP = {"at": "2026-03-01T12:00:00Z", "amount_millionths": 1_000_000}
HOUSEHOLDS_OWN = {table.name for table in metadata.tables.values() if "household_id" in table.c}

Ask = tuple[str, str, dict[str, str], Any]
"""A method, a path with its names left open, a query and a body."""

READS: list[Ask] = [
    ("GET", "/v1/gateways", {}, None),
    ("GET", "/v1/gateways/{thing}/gaps", {}, None),
    ("GET", "/v1/gateways/{thing}/consent", {}, None),
    ("GET", "/v1/dead-letters", {}, None),
    ("GET", "/v1/meters", {}, None),
    ("GET", "/v1/meters/{meter}/registers", {}, None),
    ("GET", "/v1/meters/{meter}/credit", {}, None),
    ("GET", "/v1/meters/{meter}/usage", PERIOD, None),
    ("GET", "/v1/meters/{meter}/cost", PERIOD, None),
    ("GET", "/v1/meters/{meter}/costs", PERIOD, None),
    ("GET", "/v1/meters/{meter}/preview", AHEAD, None),
    ("GET", "/v1/meters/{meter}/comparison", PERIOD, None),
    ("GET", "/v1/meters/{meter}/prepayment", {}, None),
    ("GET", "/v1/meters/{meter}/tariff", {}, None),
    ("GET", "/v1/meters/{meter}/agreements", {}, None),
    ("GET", "/v1/tariffs", {}, None),
    ("GET", "/v1/tariffs/{code}", {}, None),
    ("GET", "/v1/tariffs/{code}/rates", PERIOD, None),
    ("GET", "/v1/usage", PERIOD, None),
    ("GET", "/v1/meters/{meter}/usage/comparison", PERIOD, None),
    ("GET", "/v1/meters/{meter}/quality", PERIOD, None),
    ("GET", "/v1/meters/{meter}/gaps", PERIOD, None),
    ("GET", "/v1/meters/{meter}/corrections", PERIOD, None),
    ("GET", "/v1/exports/usage", {**PERIOD, "meter": "{meter}"}, None),
    ("GET", "/v1/exports/samples", {**PERIOD, "meter": "{meter}"}, None),
    ("GET", "/v1/imports", {}, None),
    ("GET", "/v1/changes", {}, None),
    ("GET", "/v1/households/{household_id}", {}, None),
    ("GET", "/v1/households/{household_id}/tenancies", {}, None),
]
WRITES: list[Ask] = [
    ("PUT", "/v1/gateways/{thing}/consent", {}, {"granularity": "daily"}),
    ("PUT", "/v1/meters/{meter}/tariff", {}, TARIFF),
    ("PUT", "/v1/meters/{meter}/agreements", {}, []),
    ("PUT", "/v1/meters/{meter}/top-ups/{top_up_id}", {}, TOP_UP),
    ("POST", "/v1/dead-letters/replay", {}, None),
    ("POST", "/v1/dead-letters/{dead_letter_id}/replay", {}, None),
    ("PUT", "/v1/meters/{meter}/gas-conversions", {}, []),
    ("POST", "/v1/meters/{meter}/live", {}, None),
    ("POST", "/v1/imports", {"meter": "{meter}"}, {}),
    ("DELETE", "/v1/imports/{import_id}", {}, None),
]
NOT_ROWS = {
    ("GET", "/v1/meters/{meter}/live"),  # a stream of what arrives, of the caller's household alone
    ("GET", "/v1/meters/{meter}/gas-conversions"),  # of gas meters, which nobody here has
    # A person's, who has to be an owner; tests/cloud/test_access.py tries them as everybody else.
    ("GET", "/v1/api-keys"),
    ("POST", "/v1/api-keys"),
    ("DELETE", "/v1/api-keys/{key_id}"),
    ("GET", "/v1/households/{household_id}/members"),
    ("PUT", "/v1/households/{household_id}/members/{user}"),
    ("DELETE", "/v1/households/{household_id}/members/{user}"),
    ("GET", "/v1/households/{household_id}/invitations"),
    ("POST", "/v1/households/{household_id}/invitations"),
    ("DELETE", "/v1/households/{household_id}/invitations/{invitation}"),
    ("POST", "/v1/households/{household_id}/departure"),
}


class Street:
    """Two households behind one API: `home` is the operator's, the other has a token of its own."""

    def __init__(self, directory: Path) -> None:
        clock = DrivenClock(NOW_MS)
        self.app = create_app(config_in(directory), clock)
        self.database: Database = self.app.state.parts.database
        self.client = TestClient(self.app, raise_server_exceptions=False)
        ingest = IngestService(self.database, clock, Rules())
        for thing, meter in (("home-hub", "home-meter"), ("other-hub", "other-meter")):
            log_id = meter.encode()[:5].ljust(16, b"-")
            frame = frame_at(samples_of(1, 400, every_ms=60_000), log_id=log_id, meter=meter)
            sent = (encode_frame(frame), f"not a frame of {thing}".encode())
            ingest.ingest([Message(thing, payload, NOW_MS) for payload in sent])
            if thing == "other-hub":
                continue
            self.token = self.app.state.parts.config.api_token
            for ask in WRITES[1:4]:
                assert self.ask(ask, home=True).status_code == 200, ask
        with self.database.writing() as connection:
            _, moved = hand_over(connection, "other-hub", "Other", "Europe/London", NOW_MS)
        self.other = Scope.of(moved.household.household_id)
        self.token = moved.token

    def ask(self, ask: Ask, *, home: bool) -> Any:
        """Ask with names of the one household or the other, as whom `token` says."""
        method, path, query, body = ask
        names = {
            "thing": "home-hub" if home else "other-hub",
            "meter": "home-meter" if home else "other-meter",
            "code": "none",
            "top_up_id": "top-up-1",
            "dead_letter_id": "1" if home else "2",
            "household_id": "home" if home else self.other.only,
            "import_id": "1",
        }
        return self.client.request(
            method,
            path.format(**names),
            params={key: value.format(**names) for key, value in query.items()},
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
        )

    def answers(self) -> dict[str, tuple[int, str]]:
        """Answer every read of the other household, by its own names and by those of home."""
        return {
            f"{ask[1]} home={home}": (answer.status_code, answer.text)
            for ask in READS
            for home in (False, True)
            for answer in [self.ask(ask, home=home)]
        }

    def rows_of_home(self) -> dict[str, list[str]]:
        """List all that is stored of home."""
        with self.database.reading() as connection:
            return {
                name: sorted(
                    map(
                        repr,
                        connection.execute(
                            select(metadata.tables[name]).where(
                                metadata.tables[name].c.household_id == "home"
                            )
                        ),
                    )
                )
                for name in sorted(HOUSEHOLDS_OWN)
            }

    def move(self) -> None:
        """Hand home's hub over, dated back to before all that it read, and go on asking as home."""
        with self.database.writing() as connection:
            hand_over(
                connection, "home-hub", "Third", "UTC", NOW_MS, at_ms=START_MS - 2 * MS_PER_DAY
            )
        self.token = self.app.state.parts.config.api_token

"""A cloud with people in it: households, members, sessions and keys, for tests of who may what."""

from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from cloud.accounts import users
from cloud.accounts.passwords import Hasher
from cloud.app import create_app
from cloud.households.members import add_member
from cloud.households.repository import Household, put_household
from cloud.origins import CLIENT_FIELD
from cloud.roles import Role
from shared.clock import DrivenClock
from tests.support.cloud import HEADERS, START_MS, config_in

PASSWORD = "tuba marmelade zwölf"
OTHER_HOME = "other"


class People:
    """The application on a database of its own, with a clock that stands still."""

    def __init__(self, directory: Path, **settings: object) -> None:
        self.clock = DrivenClock(START_MS)
        # As cheap as Argon2 gets: what is tested is not how much work a guess is.
        self.hasher = Hasher(time_cost=1, memory_kib=8)
        config = config_in(directory, **{"requests_per_s_max": 0, **settings})
        self.app = create_app(config, self.clock, self.hasher)
        self.database = self.app.state.parts.database
        self.operator = self.client(HEADERS)
        with self.database.writing() as connection:
            put_household(connection, Household(OTHER_HOME, "Other", "Europe/London"))

    def client(self, headers: dict[str, str] | None = None) -> TestClient:
        """Make a browser or program of its own, with its own cookies."""
        return TestClient(
            self.app, raise_server_exceptions=False, headers={CLIENT_FIELD: "1", **(headers or {})}
        )

    def wait(self, passed_ms: int) -> None:
        """Let time pass."""
        self.clock.advance_to(self.clock.utc_ms() + passed_ms)

    def add(
        self, name: str, role: Role | None = None, home: str = "home", *, is_operator: bool = False
    ) -> str:
        """Add a person with the tests' password and return their id."""
        now_ms = self.clock.utc_ms()
        with self.database.writing() as connection:
            hashed = self.hasher.hash(PASSWORD)
            user = users.add_user(connection, f"{name}@example.org", name.title(), hashed, now_ms)
            assert user is not None
            if role is not None:
                add_member(connection, home, user.user_id, role, now_ms)
            if is_operator:
                users.set_operator(connection, user.user_id)
        return user.user_id

    def signed_in(self, name: str, **proof: str) -> TestClient:
        """Sign a person in, in a browser of its own."""
        client = self.client()
        answer = self.sign_in(client, name, **proof)
        assert answer.status_code == 201, answer.text
        return client

    def sign_in(self, client: TestClient, name: str, password: str = PASSWORD, **proof: str) -> Any:
        """Try to sign a person in."""
        body = {"email": f"{name}@example.org", "password": password, **proof}
        return client.post("/v1/sessions", json=body)

    def key(self, client: TestClient, *scopes: str, days: int = 30) -> dict[str, str]:
        """Make an API key and return it with its id and the header that shows it."""
        body = {"name": "a program", "scopes": list(scopes), "days": days}
        answer = client.post("/v1/api-keys", json=body)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        return {
            "id": made["key_id"],
            "key": made["key"],
            "Authorization": f"Bearer {made['key']}",
        }

    def bearer(self, token: str) -> TestClient:
        """Make a program that shows a token."""
        return self.client({"Authorization": f"Bearer {token}"})

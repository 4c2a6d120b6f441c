"""The HTTPS uplink against the real API over TLS, which a test starts, kills and listens at."""

import json
import shutil
import tempfile
import threading
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy.exc import OperationalError

from agent.demo.ports import free_port
from agent.uplink.access import CloudAccess
from agent.uplink.https import HttpsUplink
from agent.uplink.port import Channel, Uplink
from cloud.app import create_app
from cloud.fleet.authority import Authority
from cloud.households.repository import DEFAULT_HOUSEHOLD
from cloud.ingest.hubs import HubDoor
from cloud.ingest.service import Addressed, IngestService
from cloud.scope import Scope
from cloud.tariffs.repository import put_tariff
from shared import hubrequests
from shared.clock import Clock, SystemClock
from shared.protocol import Status, decode_receipt, decode_status
from shared.tariffs import decode_tariff
from tests.support.cloud import config_in
from tests.support.stages import THING

ASK_S = 0.5
START_S_MAX = 60.0
PATHS = {
    Channel.FRAMES: hubrequests.FRAMES_PATH,
    Channel.HELLO: hubrequests.HELLO_PATH,
    Channel.LIVE: hubrequests.LIVE_PATH,
    Channel.TARIFF_GET: hubrequests.TARIFF_PATH,
}


class HttpsStage:
    """The API on a free loopback port with the fleet's server certificate.

    Until `listen` its database cannot be written for frames and hellos, as while it is away.
    """

    def __init__(self, clock: Clock | None = None, ask_s: float = ASK_S) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="hearthlink-https-"))
        self.authority = Authority(self.directory / "fleet", SystemClock())
        self.authority.prepare()
        self.port = free_port()
        credentials = self.authority.issue(THING)
        self.access = CloudAccess(
            "localhost", self.port, credentials.authority, credentials.certificate, credentials.key
        )
        self.uplink: Uplink = HttpsUplink(THING, self.access, clock or SystemClock(), ask_s)
        self._got: list[tuple[str, bytes]] = []
        self._receipts: list[bytes] = []
        self._is_listening = False
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def up(self) -> None:
        """Start the API, or start it again on its port and database."""
        config = config_in(self.directory, hub_ca=self.authority.certificate)
        self.app = create_app(config)
        door: HubDoor = self.app.state.hub_door
        self.app.state.hub_door = HubDoor(door.gate, _Ingest(door.ingest, self))  # type: ignore[arg-type]  # it takes what the service takes
        server = self.authority.server
        self._server = uvicorn.Server(
            uvicorn.Config(
                _Recorder(self.app, self._got),
                host="127.0.0.1",
                port=self.port,
                log_level="warning",
                ssl_certfile=server.certificate,
                ssl_keyfile=server.key,
            )
        )
        self._thread = threading.Thread(target=self._server.run, name="https-api")
        self._thread.start()
        deadline = time.monotonic() + START_S_MAX
        while not self._server.started:
            assert time.monotonic() < deadline, "the API did not start"
            time.sleep(0.01)

    def down(self) -> None:
        """Stop the API, open connections included."""
        if self._server is not None and self._thread is not None:
            self._server.force_exit = self._server.should_exit = True
            self._thread.join(START_S_MAX)
            self._server = None

    def listen(self) -> None:
        """Let the database be there."""
        self._is_listening = True

    def send_receipt(self, payload: bytes) -> None:
        """Answer the next hello with it."""
        self._receipts.append(payload)

    def set_tariff(self, document: bytes) -> None:
        """Set the document's tariffs, as an app does at the API."""
        meters: dict[str, Any] = json.loads(document)["state"]["desired"]["meters"]
        with self.app.state.parts.database.writing() as connection:
            for meter, tariff in meters.items():
                decoded = decode_tariff(json.dumps(tariff).encode())
                put_tariff(connection, Scope.of(DEFAULT_HOUSEHOLD), meter, decoded, 0)

    def received(self, channel: Channel) -> list[bytes]:
        """List the bodies that were answered with success on the channel's path."""
        return [body for path, body in self._got if path == PATHS[channel]]

    def statuses(self) -> list[Status]:
        """List the statuses heard."""
        return [decode_status(body) for path, body in self._got if path == hubrequests.STATUS_PATH]

    def close(self) -> None:
        """Stop the API and remove its files."""
        self.down()
        shutil.rmtree(self.directory, ignore_errors=True)

    def receipts_for_hello(self) -> list[bytes]:
        """Hand over what the test wants answered."""
        wanted, self._receipts = self._receipts, []
        return wanted

    @property
    def is_listening(self) -> bool:
        """Tell whether frames and hellos can be taken."""
        return self._is_listening


class _Ingest:
    """The real service, which a test may let fail or give a receipt to answer with."""

    def __init__(self, service: IngestService, stage: HttpsStage) -> None:
        self._service = service
        self._stage = stage
        self.note_status = service.note_status
        self.is_revoked = service.is_revoked

    def ingest(self, messages: Any) -> list[Addressed]:
        """Ingest, while the database is there."""
        self._check()
        return self._service.ingest(messages)

    def greet(self, thing: str, payload: bytes) -> list[Addressed]:
        """Greet, and answer with what the test wants answered, if anything."""
        self._check()
        answered = self._service.greet(thing, payload)
        wanted = [Addressed(thing, decode_receipt(one)) for one in self._stage.receipts_for_hello()]
        return wanted or answered

    def _check(self) -> None:
        if not self._stage.is_listening:
            raise OperationalError("write", {}, ConnectionError("the database is away"))


class _Recorder:
    """ASGI in between: keeps path and body of each request, unless it was refused."""

    def __init__(self, app: Any, got: list[tuple[str, bytes]]) -> None:
        self._app = app
        self._got = got

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Pass a request through."""
        body = bytearray()
        refused = False

        async def hear() -> Any:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def say(message: Any) -> None:
            nonlocal refused
            missing_tariff = scope["path"] == hubrequests.TARIFF_PATH
            refused = refused or (message.get("status", 0) >= 400 and not missing_tariff)
            await send(message)

        await self._app(scope, hear, say)
        if scope["type"] == "http" and not refused:
            self._got.append((scope["path"], bytes(body)))

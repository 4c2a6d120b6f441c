"""The processes of a torture: the demo's stage, set up so that any of them may be taken away.

A meter, a hub behind a relay, a broker that forgets or remembers, the API and two ingest workers.
"""

import secrets
import time
from pathlib import Path
from random import Random

from agent.demo.processes import hearthlink, run_hearthlink
from agent.demo.stage import HOST, free_port
from agent.home.changes import TOKEN_HEADER
from agent.torture.again import gather, mixed, stored_frames
from agent.torture.pace import Pace
from agent.torture.relay import Relay
from agent.torture.speaker import speaking
from agent.torture.stage import HUB, SECOND, THING, THINGS, WORKERS, TortureStage
from agent.torture.volume import Volume
from agent.torture.wallclock import WallClock, find_faketime
from shared import topics
from shared.consent import Granularity
from shared.errors import OperatorError

METERS = {HUB: "meter", SECOND: "meter-2"}
WORKER_IDENTITY = "cloud-ingest"
READ_ONLY = "read-only-disk"
CLOCK_JUMP = "clock-jump"
DATABASE = "hub.sqlite"


class Cast(TortureStage):
    """Everything a torture has running."""

    def __init__(
        self, state: Path, seed: int, history_days: float, *, may_mount: bool = False
    ) -> None:
        """`may_mount` gives the hub a file system of its own (`take_own_mounts`)."""
        super().__init__(state, seed, history_days)
        card = self.state / "card"
        self.hub_database = card / HUB / DATABASE
        self.hubs = {HUB: self.hub_database}
        """The database of each hub that there is."""
        library = find_faketime()
        self.wall = WallClock(library, self.state / "clock") if library else None
        self.volume = Volume(self.state / "card.img", card) if may_mount else None
        self.granularity = Granularity.TEN_SECONDS
        self._pin = secrets.token_hex(4)
        self._relay: Relay | None = None
        self.pace = Pace(lambda: self.resume("meter"), lambda: self.freeze("meter"))

    @property
    def relay(self) -> Relay:
        """The link between hub and broker."""
        if self._relay is None:
            raise OperatorError("the relay is not there yet")
        return self._relay

    def lacking(self) -> dict[str, str]:
        """Say of each fault that cannot strike on this machine why."""
        missing = {}
        if self.volume is None:
            missing[READ_ONLY] = "needs root, to mount a file system of the hub's own"
        if self.wall is None:
            missing[CLOCK_JUMP] = "needs libfaketime: apt install libfaketime"
        return missing

    @property
    def oracle_paths(self) -> list[Path]:
        """What each meter writes down."""
        return [self._oracle_path(name) for name in self.hubs]

    def _oracle_path(self, hub: str) -> Path:
        return self.state / f"{METERS[hub]}.oracle.jsonl"

    def start_second(self) -> WallClock | None:
        """Start the hub in real time where it has not been, and return its wall clock."""
        if SECOND not in self.hubs and self.wall is not None:
            self.wall.jump(0)
            run_hearthlink("fleet", "issue", THINGS[SECOND], "--state", str(self.fleet))
            self.hubs[SECOND] = self.state / SECOND / DATABASE
            link = self._play_meter(SECOND, self.chosen.seed + 1, 0)
            self._start_hub(SECOND, link, "system", self.wall.environment)
        return self.wall

    def end_meters(self) -> None:
        """Let the meters stop where they are."""
        self.pace.end()
        for name in METERS.values():
            self.stop(name)

    def __exit__(self, *_exception: object) -> None:
        self.end_meters()
        for name in (*self.hubs, *WORKERS, "api", "broker"):
            self.resume(name)
            self.stop(name)
        if self._relay is not None:
            self._relay.close()
        if self.volume is not None:
            self.volume.leave(self.state / "card-left")

    def deliver_again(self, draw: Random) -> None:
        """Let frames that are stored arrive once more, twice each and in any order."""
        frames = stored_frames(self.cloud_database, draw)
        # Under the hub's name, and not in its place: on its own listener it would be put out.
        with speaking(self.fleet, THING, "localhost", self.services_port) as speaker:
            speaker.say(topics.frames(THING), frames)

    def receive_again(self, draw: Random, patience_s: float) -> int:
        """Let the hub have receipts again, twice each and in any order; return how many it had."""
        heard: list[bytes] = []
        port, until_s = self.services_port, time.monotonic() + patience_s
        with speaking(self.fleet, THING, "localhost", port) as listener:
            listener.hear(topics.receipts(THING), heard.append)
            receipts = gather(heard, lambda: time.monotonic() > until_s)
        with speaking(self.fleet, WORKER_IDENTITY, "localhost", port) as speaker:
            speaker.say(topics.receipts(THING), mixed(receipts, draw))
        return len(receipts)

    def choose(self, granularity: Granularity) -> None:
        """Choose what may leave the home, as the household does at the hub's page."""
        token = self.get(f"{self.page_url}/view.json")["token"]
        change = {"pin": self._pin, "granularity": granularity.value}
        headers = {TOKEN_HEADER: token}
        self.send("POST", f"{self.page_url}/granularity", change, headers)

    def _start_all(self) -> None:
        if self.volume is not None:
            self.volume.make()
        fleet = ["--state", str(self.state / "fleet")]
        run_hearthlink("fleet", "init", *fleet)
        run_hearthlink("fleet", "issue", THING, *fleet)
        self.write_broker(forgets=True)
        self.again("broker")
        self._troupe.wait_for_port("broker", HOST, self.services_port)
        self._relay = Relay(self.chosen.broker_port)
        self._troupe.start("api", hearthlink("cloud", "api"), self._cloud_environment("api"))
        self._await_url("api", f"{self.api_url}/v1/health")
        for name in WORKERS:
            environment = self._cloud_environment("ingest")
            self._troupe.start(name, hearthlink("cloud", "ingest"), environment)
        link = self._play_meter(HUB, self.chosen.seed, self.chosen.history_days)
        self._start_hub(HUB, link, "meter", {})
        self._await_url(HUB, f"{self.page_url}/healthz")
        self.pace.start()

    def _play_meter(self, hub: str, seed: int, history_days: float) -> str:
        name = METERS[hub]
        port = self.state / name
        self._troupe.start(
            name,
            hearthlink(
                "simulate",
                f"--link=pty:{port}",
                f"--seed={seed}",
                f"--history-days={history_days}",
                f"--oracle={self._oracle_path(hub)}",
            ),
        )
        self._troupe.wait_for(name, port.exists)
        return str(port)

    def _start_hub(self, hub: str, link: str, clock: str, environment: dict[str, str]) -> None:
        things = self.fleet / "things"
        settings: dict[str, object] = {
            "hub_thing": THINGS[hub],
            "hub_state_dir": self.hubs[hub].parent,
            "hub_clock": clock,
            "hub_zone": self.zone,
            "meter_link": link,
            "log_commit_window_s": 0.5,
            "uplink_host": "localhost",
            "uplink_port": self.relay.port,
            "uplink_ca_file": self.fleet / "ca.crt",
            "uplink_certificate_file": things / f"{THINGS[hub]}.crt",
            "uplink_key_file": things / f"{THINGS[hub]}.key",
            "uplink_frame_interval_s": 1,
            "uplink_backlog_frames_per_s": 20,
            "uplink_start_delay_s": 0,
            "page_port": self.chosen.page_port if hub == HUB else free_port(),
            "page_pin": self._pin,
            "consent_granularity": self.granularity.value,
        }
        written = {f"HEARTHLINK_{key.upper()}": str(value) for key, value in settings.items()}
        self._troupe.start(hub, hearthlink("run"), {**written, **environment})

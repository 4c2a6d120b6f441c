"""Updates of a whole panel on virtual time, interrupted at random; and what came of them."""

import random
from collections import Counter
from dataclasses import dataclass, field

from firmware_bridge.display.image import FirmwareImage, read_image
from firmware_bridge.display.update import PanelUpdate
from firmware_bridge.display.update_moves import UpdateState
from firmware_bridge.simulator.smp_flash import Flash
from tests.support.firmware import FirmwareMaker
from tests.support.panel_board import Board

OLD, NEW = (1, 0, 0, 0), (1, 1, 0, 0)
IDLE_STEP_MS = 20
TURNS_MAX = 40_000
KINDS = ("hub killed", "cable pulled", "power cut", "brown-out", "corrupt slot")


def state_of(image: FirmwareImage, *, allows_older: bool = False) -> UpdateState:
    """Begin the state of an image's update."""
    return UpdateState(
        image.hash.hex(), str(image.version), str(image.board), allows_older=allows_older
    )


@dataclass
class Bench:
    """A panel, its hub's update, and the line between them; `journal` is what a kill leaves."""

    board: Board
    image: FirmwareImage
    journal: UpdateState | None = None
    now_ms: int = 1
    lives: int = 0
    update: PanelUpdate = field(init=False)

    def __post_init__(self) -> None:
        self.start_hub()

    @classmethod
    def made(cls, maker: FirmwareMaker, payload_bytes: int = 8_000, **panel: object) -> "Bench":
        """Make a panel that runs 1.0.0 and is to be given 1.1.0."""
        flash = Flash.with_image(maker.make(OLD), sectors=max(4, payload_bytes // 4_096 + 2))
        board = Board(flash, maker.public_pem(), **panel)  # type: ignore[arg-type]
        return cls(board, read_image(maker.make(NEW, payload_bytes)))

    def start_hub(self) -> None:
        """Start the hub's side from its journal, as after a kill."""
        self.lives += 1
        state = self.journal or state_of(self.image)
        self.update = PanelUpdate(self.image, state, self.lives, self._note)
        self.update.begin(self.now_ms)

    def _note(self, state: UpdateState) -> None:
        self.journal = state

    def turn(self, cut_at: int | None = None) -> bool:
        """Let both sides speak once; the line breaks after `cut_at` bytes. False: all is said."""
        self.board.advance(self.now_ms)
        sent = self.update.take_outgoing()
        self.board.receive(sent[:cut_at], self.now_ms)
        heard = self.board.take_outgoing() if cut_at is None else b""
        self.now_ms += 1
        if heard:
            self.update.receive(heard, self.now_ms)
        self.update.advance(self.now_ms)
        if not sent and not heard:
            self.now_ms += IDLE_STEP_MS
        return self.update.ended is None

    def run(self) -> None:
        """Let the update come to its end."""
        for _ in range(TURNS_MAX):
            if not self.turn():
                return
        raise AssertionError(f"no end after {self.now_ms} ms: {self.update.step}")


def until(bench: Bench, step: str) -> None:
    """Let an update come as far as a step."""
    while bench.update.step != step:
        assert bench.turn(), bench.update.ended


def ended(bench: Bench) -> str:
    """Run to the end and return the reason."""
    bench.run()
    assert bench.update.ended is not None
    return bench.update.ended.reason


def is_kept(bench: Bench) -> bool:
    """Tell whether the panel runs 1.1.0 for good."""
    return bench.board.started[-1] == "1.1.0" and bench.board.flash.slots[0].is_confirmed


@dataclass
class Toll:
    """What interruptions cost; `went_back` counts updates that had to be asked for again."""

    interrupted: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    bricked: int = 0
    unfinished: int = 0
    went_back: int = 0
    answers_lost: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def interruptions(self) -> int:
        """How often an update was interrupted."""
        return sum(self.interrupted.values())


def interrupt(bench: Bench, kind: str, chance: random.Random) -> None:
    """Do one thing to an update under way."""
    board = bench.board
    match kind:
        case "hub killed":
            bench.start_hub()
        case "cable pulled":
            bench.turn(cut_at=chance.randrange(1_600))
            board.take_outgoing()
            bench.now_ms += chance.randrange(20_000)
            bench.update.begin(bench.now_ms)
        case "power cut":
            board.cut_power(bench.now_ms)
        case "brown-out":
            board.flash.cut_after = chance.randrange(60)
        case _:
            content = board.flash.slots[1].content
            content[chance.randrange(len(content))] ^= 0xFF


def interrupted_update(
    maker: FirmwareMaker, seed: int, toll: Toll, payload_bytes: int = 8_000
) -> None:
    """Do one update with a few interruptions, again until it is in, and add what came of it."""
    chance = random.Random(seed)
    loss = chance.choice((0.0, 0.05))
    bench = Bench.made(maker, payload_bytes, loss=loss, chance=chance)
    for _ in range(chance.randrange(1, 5)):
        for _ in range(chance.randrange(40)):
            bench.turn()
        if bench.update.ended is not None:
            break
        kind = chance.choice(KINDS)
        if kind == "corrupt slot" and is_way_back(bench):
            # Whoever spoils the only other program has bricked the panel himself.
            kind = "power cut"
        toll.steps[bench.update.step] += 1
        interrupt(bench, kind, chance)
        toll.interrupted[kind] += 1
    for _ in range(4):
        bench.run()
        assert bench.update.ended is not None
        if bench.update.ended.is_installed or bench.board.is_bricked:
            break
        toll.went_back += 1
        bench.journal = bench.journal if bench.update.ended.is_put_off else None
        bench.start_hub()
    judge(bench, seed, toll)


def is_way_back(bench: Bench) -> bool:
    """Tell whether slot 1 holds what the panel would go back to, or half of a swap."""
    flash = bench.board.flash
    return flash.swap is not None or flash.slots[1].is_pending or not flash.slots[0].is_confirmed


def judge(bench: Bench, seed: int, toll: Toll) -> None:
    """Say whether the panel runs and keeps the new firmware."""
    board = bench.board
    toll.answers_lost += board.answers_lost
    if board.is_bricked:
        toll.bricked += 1
        toll.faults.append(f"seed {seed}: nothing starts any more")
    elif board.started[-1] != "1.1.0" or not board.flash.slots[0].is_confirmed:
        toll.unfinished += 1
        toll.faults.append(f"seed {seed}: {bench.update.ended}, started {board.started}")

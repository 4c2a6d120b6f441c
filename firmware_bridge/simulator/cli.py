"""`hearthlink simulate`: a simulated household's meter on a pseudo-terminal, a socket or a file."""

import argparse
import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType

from firmware_bridge.links.addresses import host_and_port
from firmware_bridge.meters.keys import parse_key
from firmware_bridge.simulator.composition import Composition, read_shows
from firmware_bridge.simulator.dlms_meter import DEMO_AUTHENTICATION_KEY, DEMO_KEY, MeterKeys
from firmware_bridge.simulator.fault_spec import read_faults
from firmware_bridge.simulator.meters import METERS
from firmware_bridge.simulator.play import BATCH, OracleFile, Player, Progress, Script
from firmware_bridge.simulator.radio_sink import RadioSink
from firmware_bridge.simulator.sinks import FileSink, PtySink, Sink, TcpSink
from shared.clock import Clock, SystemClock
from shared.errors import OperatorError

EXIT_OK = 0
ZIGBEE = "zigbee"
LINKS = "pty:PATH, tcp://127.0.0.1:PORT, mqtt://127.0.0.1:PORT/TOPIC or file:PATH"


def run(arguments: list[str]) -> int:
    """Simulate until the end that was asked for, or until SIGTERM or SIGINT; return 0."""
    options = build_parser().parse_args(arguments)
    clock = _clock(options.now_ms)
    script = Script(
        seed=options.seed,
        protocol=options.protocol,
        history_days=options.history_days,
        history_cadence_s=options.history_cadence_s,
        is_live=options.live,
        now_ms=options.now_ms,
        until_ms=options.until_ms,
    )
    with contextlib.ExitStack() as stack:
        stopping = stack.enter_context(_stopped_by_signals())
        file = stack.enter_context(options.oracle.open("wb")) if options.oracle else None
        sink = open_sink(options.link, options.protocol, options.seed)
        stack.callback(sink.close)
        composition = _compose(options, sink)
        if not options.json:
            print(f"simulating household {options.seed} on {options.link}", flush=True)
        emitted = Player(
            script,
            clock=clock,
            sink=composition.around(sink),
            oracle=OracleFile(file),
            stopping=stopping,
            report=_print_json if options.json else _print_line,
            build=composition.build,
            batch=sink.batch if isinstance(sink, RadioSink) else BATCH,
            sleep=sink.wait if isinstance(sink, RadioSink) else time.sleep,
        ).play()
    if options.json:
        print(json.dumps({"phase": "ended", "emitted": emitted}), flush=True)
    else:
        print(f"ended after {emitted} telegrams", flush=True)
    return EXIT_OK


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser(
        prog="hearthlink simulate", description="Simulate a household's smart meter."
    )
    parser.add_argument("--protocol", choices=sorted(METERS), default="p1", help="what it speaks")
    parser.add_argument("--link", required=True, help=LINKS)
    parser.add_argument("--seed", type=int, default=1, help="which household (default 1)")
    parser.add_argument(
        "--shows",
        metavar="METERS",
        help="electricity, gas, both with a comma, or solar alone (default: all it has but solar)",
    )
    parser.add_argument(
        "--faults", metavar="SPEC", help="flip=1/2000,stall=30s@1h and so on, or a TOML file"
    )
    parser.add_argument("--key", help="hexadecimal key of a meter that encrypts")
    parser.add_argument("--auth-key", help="its authentication key")
    parser.add_argument(
        "--history-days", type=float, default=0, help="days to play before now (default 0)"
    )
    parser.add_argument(
        "--history-cadence-s",
        type=_positive,
        default=10,
        help="seconds between telegrams of the history (default 10)",
    )
    parser.add_argument(
        "--live",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on with a telegram a second (default)",
    )
    parser.add_argument("--now-ms", type=int, help="take this UTC time as now")
    parser.add_argument("--until-ms", type=int, help="end before this meter time")
    parser.add_argument("--oracle", type=Path, help="write what was displayed here, as JSON lines")
    parser.add_argument("--json", action="store_true", help="print progress as JSON lines")
    return parser


def _compose(options: argparse.Namespace, sink: Sink) -> Composition:
    protocol = METERS[options.protocol]
    if isinstance(sink, RadioSink):
        protocol = replace(protocol, build=sink.fitted(protocol.build))
    given = (options.key, options.auth_key)
    if any(given) and not protocol.is_encrypted:
        encrypting = ", ".join(name for name, one in METERS.items() if one.is_encrypted)
        raise OperatorError(
            f"{options.protocol} does not encrypt", hint=f"give keys with one of: {encrypting}"
        )
    key = parse_key(options.key, "key") if options.key else DEMO_KEY
    authentication = options.auth_key
    return Composition(
        protocol,
        read_shows(options.shows, options.protocol, protocol),
        MeterKeys(
            key,
            parse_key(authentication, "authentication key")
            if authentication
            else DEMO_AUTHENTICATION_KEY,
        ),
        read_faults(options.faults) if options.faults else None,
    )


def open_sink(link: str, protocol: str = "p1", seed: int = 1) -> Sink:
    """Open what `--link` names; raise OperatorError where it cannot be.

    ZigBee's pseudo-terminal has a simulated stick at its end.
    """
    if link.startswith("pty:") and protocol == ZIGBEE:
        return _open_stick(Path(link.removeprefix("pty:")), seed)
    if link.startswith("pty:"):
        return PtySink(Path(link.removeprefix("pty:")))
    if link.startswith("file:"):
        return FileSink(Path(link.removeprefix("file:")))
    if link.startswith("tcp://"):
        return TcpSink(*host_and_port(link))
    if link.startswith("mqtt://"):
        from firmware_bridge.simulator.mqtt_sink import open_mqtt_sink  # noqa: PLC0415 (paho)

        return open_mqtt_sink(link)
    raise OperatorError(f"link {link!r} is not known", hint=f"use {LINKS}")


def _open_stick(path: Path, seed: int) -> Sink:
    try:
        from firmware_bridge.simulator.coprocessor.sink import (  # noqa: PLC0415 (the zigbee extra)
            StickSink,
        )
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"simulating a ZigBee stick needs the library {error.name}, which is not installed",
            hint="pip install 'hearthlink[zigbee]'",
        ) from error
    return StickSink(path, seed=seed)


class _ShiftedClock:
    """The machine's clock, moved so that it showed `now_ms` when the simulation began."""

    def __init__(self, clock: Clock, now_ms: int) -> None:
        self._clock = clock
        self._shift_ms = now_ms - clock.utc_ms()
        self.boot_id = clock.boot_id

    def monotonic_ms(self) -> int:
        return self._clock.monotonic_ms()

    def utc_ms(self) -> int:
        return self._clock.utc_ms() + self._shift_ms


def _clock(now_ms: int | None) -> Clock:
    clock = SystemClock()
    return clock if now_ms is None else _ShiftedClock(clock, now_ms)


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Give a question that SIGTERM or SIGINT answers with yes; put the old handlers back after."""
    told: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        told.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of seconds above 0")
    return value


def _print_json(progress: Progress) -> None:
    print(json.dumps(asdict(progress)), flush=True)


def _print_line(progress: Progress) -> None:
    print(f"{progress.phase}: {progress.emitted} telegrams", flush=True)

"""`hearthlink simulate`: a simulated household's meter on a pseudo-terminal, a socket or a file."""

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from firmware_bridge.meters.keys import parse_key
from firmware_bridge.simulator.asked import ASKED, Readouts, play_asked
from firmware_bridge.simulator.composition import Composition, read_shows
from firmware_bridge.simulator.dlms_meter import DEMO_AUTHENTICATION_KEY, DEMO_KEY, MeterKeys
from firmware_bridge.simulator.fault_spec import read_faults
from firmware_bridge.simulator.meters import METERS, Fitting
from firmware_bridge.simulator.openings import LINKS, PTY, open_sink
from firmware_bridge.simulator.play import BATCH, OracleFile, Player, Progress, Report, Script
from firmware_bridge.simulator.radio_sink import RadioSink
from firmware_bridge.simulator.sinks import Sink
from firmware_bridge.simulator.stopping import stopped_by_signals
from shared.clock import Clock, SystemClock
from shared.errors import OperatorError
from shared.units import MS_PER_SECOND

EXIT_OK = 0
PANEL = "panel"
"""The first word for the household's display panel instead of its meter."""


def run(arguments: list[str]) -> int:
    """Simulate until the end that was asked for, or until SIGTERM or SIGINT; return 0."""
    if arguments[:1] == [PANEL]:
        return _run_panel(arguments[1:])
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
        stopping = stack.enter_context(stopped_by_signals())
        file = stack.enter_context(options.oracle.open("wb")) if options.oracle else None
        if options.asked:
            return _run_asked(options, clock, OracleFile(file), stopping)
        sink = open_sink(options.link, options.protocol, options.seed)
        stack.callback(sink.close)
        composition = _compose(options, sink)
        _begin(options)
        emitted = Player(
            script,
            clock=clock,
            sink=composition.around(sink),
            oracle=OracleFile(file),
            stopping=stopping,
            report=_reporter(options),
            build=composition.build,
            batch=sink.batch if isinstance(sink, RadioSink) else BATCH,
            sleep=sink.wait if isinstance(sink, RadioSink) else time.sleep,
        ).play()
    _end(options, emitted)
    return EXIT_OK


def _run_panel(arguments: list[str]) -> int:
    """Simulate a panel; its libraries are an extra's, which a simulated meter does without."""
    try:
        from firmware_bridge.simulator.panel_cli import run_panel  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"simulating a panel needs the library {error.name}, which is not installed",
            hint="pip install 'hearthlink[panel]'",
        ) from error
    return run_panel(arguments)


def _run_asked(
    options: argparse.Namespace,
    clock: Clock,
    oracle: OracleFile,
    stopping: Callable[[], bool],
) -> int:
    """Answer as a meter that must be asked, until the end; return 0."""
    path = _check_asked(options)
    readouts = Readouts(clock, oracle)
    start_ms = clock.utc_ms() // MS_PER_SECOND * MS_PER_SECOND
    port = ASKED[options.protocol](path, Fitting(options.seed, start_ms), readouts)
    until_ms = options.until_ms
    with contextlib.closing(port):
        _begin(options)
        answered = play_asked(
            port,
            readouts,
            clock=clock,
            stopping=lambda: stopping() or (until_ms is not None and clock.utc_ms() >= until_ms),
            report=_reporter(options),
        )
    _end(options, answered)
    return EXIT_OK


def _check_asked(options: argparse.Namespace) -> Path:
    """Return the path of the port; raise OperatorError where the options do not go together."""
    if options.protocol not in ASKED:
        raise OperatorError(
            f"a {options.protocol} meter speaks by itself", hint=f"ask {' or '.join(ASKED)}"
        )
    unfit = {
        "--history-days": options.history_days > 0,
        "--no-live": not options.live,
        "--faults": options.faults is not None,
        "--shows": options.shows is not None,
        "--no-pin": not options.pin,
        "--prepaid": options.prepaid,
        "--key": options.key is not None or options.auth_key is not None,
    }
    if given := [name for name, is_given in unfit.items() if is_given]:
        raise OperatorError(
            f"{', '.join(given)}: not with --asked",
            hint="a meter that is asked says what it shows now, all of it, and nothing before",
        )
    if not options.link.startswith(PTY):
        raise OperatorError(
            f"nothing can be asked on {options.link!r}", hint="use --link pty:PATH with --asked"
        )
    return Path(options.link.removeprefix(PTY))


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser(
        prog="hearthlink simulate",
        description="Simulate a household's smart meter; 'hearthlink simulate panel' its display.",
    )
    parser.add_argument("--protocol", choices=sorted(METERS), default="p1", help="what it speaks")
    parser.add_argument("--link", required=True, help=LINKS)
    parser.add_argument(
        "--asked",
        action="store_true",
        help="answer when asked instead of pushing (iec62056, mbus; pty:PATH, now alone)",
    )
    parser.add_argument("--seed", type=int, default=1, help="which household (default 1)")
    parser.add_argument(
        "--shows",
        metavar="METERS",
        help="electricity, gas, both with a comma, or solar alone (default: all it has but solar)",
    )
    parser.add_argument(
        "--faults", metavar="SPEC", help="flip=1/2000,stall=30s@1h and so on, or a TOML file"
    )
    parser.add_argument(
        "--pin",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether the meter's PIN was entered; without it sml shows whole kilowatt hours alone",
    )
    parser.add_argument(
        "--prepaid", action="store_true", help="the meter is paid for beforehand (zigbee)"
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
    if not options.pin and not protocol.asks_pin:
        asking = ", ".join(name for name, one in METERS.items() if one.asks_pin)
        raise OperatorError(f"{options.protocol} has no PIN", hint=f"use --no-pin with {asking}")
    if options.prepaid and not protocol.tells_credit:
        telling = ", ".join(name for name, one in METERS.items() if one.tells_credit)
        raise OperatorError(
            f"{options.protocol} tells no credit", hint=f"use --prepaid with {telling}"
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
        has_pin=options.pin,
        is_prepaid=options.prepaid,
    )


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


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of seconds above 0")
    return value


def _reporter(options: argparse.Namespace) -> Report:
    return _print_json if options.json else _print_line


def _begin(options: argparse.Namespace) -> None:
    if not options.json:
        print(f"simulating household {options.seed} on {options.link}", flush=True)


def _end(options: argparse.Namespace, emitted: int) -> None:
    if options.json:
        print(json.dumps({"phase": "ended", "emitted": emitted}), flush=True)
    else:
        print(f"ended after {emitted} telegrams", flush=True)


def _print_json(progress: Progress) -> None:
    print(json.dumps(asdict(progress)), flush=True)


def _print_line(progress: Progress) -> None:
    print(f"{progress.phase}: {progress.emitted} telegrams", flush=True)

"""What `--link` names: the sink a simulation goes to, opened.

Owns the forms of the address; what needs an extra is imported only where it is named.
"""

from pathlib import Path

from firmware_bridge.links.addresses import host_and_port
from firmware_bridge.simulator.sinks import FileSink, PtySink, Sink, TcpSink
from shared.errors import OperatorError

ZIGBEE, GLOW = "zigbee", "glow"
PTY = "pty:"
LINKS = "pty:PATH, tcp://127.0.0.1:PORT, mqtt://127.0.0.1:PORT/TOPIC or file:PATH"


def open_sink(link: str, protocol: str = "p1", seed: int = 1) -> Sink:
    """Open what `--link` names; raise OperatorError where it cannot be, or nobody could read it.

    ZigBee's pseudo-terminal has a simulated stick at its end.
    """
    if protocol == GLOW and not link.startswith(("mqtt://", "file:")):
        raise OperatorError(
            f"a Glow publishes to a broker: nothing reads it on {link!r}",
            hint="use --link mqtt://127.0.0.1:PORT/TOPIC, or file:PATH for decode",
        )
    if link.startswith(PTY) and protocol == ZIGBEE:
        return _open_stick(Path(link.removeprefix(PTY)), seed)
    if link.startswith(PTY):
        return PtySink(Path(link.removeprefix(PTY)))
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

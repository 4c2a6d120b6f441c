"""EZSP 13 as a stick answers it: commands decoded, answered, and what happens told.

The commands' shapes are the radio library's own; one without an answer here is answered with zeros,
which mean success. Owns the network's state; devices are `air.py`'s. Source: UG100, EZSP reference.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bellows import types as t  # type: ignore[import-untyped]
from bellows.ezsp import v13  # type: ignore[import-untyped]
from zigpy.types import Struct

COMMANDS: dict[str, tuple[int, Any, Any]] = v13.EZSPv13.COMMANDS
BY_NUMBER = {number: name for name, (number, _, _) in COMMANDS.items()}

EZSP_VERSION, STACK_TYPE, STACK_VERSION = 13, 2, 0x7440
VERSION_COMMAND = 0x00
LEGACY_BYTES = 4
"""The first command after a reset comes in the oldest form: sequence, control, number, version."""

STICK_IEEE = "02484c5a00000001"
COORDINATOR = 0x0000
VERSION_INFO = bytes((0, 0, 7, 4, 4, 0, 0xAA))
CHANNELS = range(11, 27)
QUIET_DBM = -90

Answers = Mapping[str, Any]


class Ezsp:
    """A stick's EZSP; `send` takes a frame for the host, the others are what it asks of the air.

    `on_unicast(address, aps, sequence, content)`: a message for a device that is there;
    `on_open()`: the host has set joining, the last thing it does when it starts;
    `ieee_of(address)`: which device is there, if any.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        *,
        on_unicast: Callable[[int, Any, int, bytes], None],
        on_open: Callable[[], None],
        ieee_of: Callable[[int], str | None],
    ) -> None:
        self._send = send
        self._on_unicast, self._on_open, self._ieee_of = on_unicast, on_open, ieee_of
        self._sequence = 0
        self._aps_sequence = 0
        self._is_extended = False
        self.is_formed = False
        self.is_up = False
        self._parameters = default(t.EmberNetworkParameters)
        self._handlers: dict[str, Callable[[Answers], Any]] = {
            "version": self._version,
            "networkState": self._network_state,
            "networkInit": self._network_init,
            "formNetwork": self._form_network,
            "leaveNetwork": self._leave_network,
            "getNetworkParameters": self._network_parameters,
            "getCurrentSecurityState": self._security_state,
            "getNetworkKeyInfo": self._key_info,
            "getEui64": lambda _: {"eui64": eui64(STICK_IEEE)},
            "getNodeId": lambda _: {"nodeId": t.EmberNodeId(COORDINATOR)},
            "getConfigurationValue": lambda _: {"value": 8},
            "getValue": self._value,
            "getTokenData": self._token,
            "getMfgToken": lambda _: {"tokenData": t.LVBytes(b"Hearthlink simulator\xff")},
            "customFrame": lambda _: {"status": t.EmberStatus.INVALID_CALL},
            "findKeyTableEntry": lambda _: {"index": 0xFF},
            "startScan": self._start_scan,
            "lookupEui64ByNodeId": self._lookup,
            "permitJoining": self._permit_joining,
            "sendUnicast": self._send_unicast,
        }

    def restart(self) -> None:
        """Begin anew, as after a reset; a network that was formed is remembered."""
        self._is_extended = False
        self.is_up = False

    def receive(self, frame: bytes) -> None:
        """Take one frame from the host and answer it."""
        self._sequence = frame[0]
        if not self._is_extended and len(frame) == LEGACY_BYTES:
            version = STACK_VERSION.to_bytes(2, "little")
            head = bytes((self._sequence, 0x80, VERSION_COMMAND))
            self._send(head + bytes((EZSP_VERSION, STACK_TYPE)) + version)
            self._is_extended = True
            return
        number = int.from_bytes(frame[3:5], "little")
        name = BY_NUMBER.get(number, "")
        try:
            _, asked, told = COMMANDS[name]
            values = decode(asked, frame[5:])
        except (KeyError, ValueError):
            self._send(self.tell("invalidCommand", reason=t.EzspStatus.ERROR_INVALID_FRAME_ID))
            return
        handler = self._handlers.get(name)
        answer = handler(values) if handler else {}
        self._send(self._frame(0x80, number, encode(told, answer)))
        self._follow_up(name, values)

    def tell(self, name: str, **values: Any) -> bytes:
        """Return the frame that tells the host of something by itself."""
        number, _, shape = COMMANDS[name]
        return self._frame(0x90, number, encode(shape, values))

    def _follow_up(self, name: str, values: Answers) -> None:
        """Tell what comes of a command after its answer."""
        if name in {"networkInit", "formNetwork"} and self.is_up:
            self._send(self.tell("stackStatusHandler", status=t.EmberStatus.NETWORK_UP))
        elif name == "leaveNetwork":
            self._send(self.tell("stackStatusHandler", status=t.EmberStatus.NETWORK_DOWN))
        elif name == "startScan":
            for channel in CHANNELS:
                self._send(
                    self.tell("energyScanResultHandler", channel=channel, maxRssiValue=QUIET_DBM)
                )
            self._send(self.tell("scanCompleteHandler", status=t.EmberStatus.SUCCESS))
        elif name == "permitJoining":
            self._on_open()
        elif name == "sendUnicast":
            self._deliver(values)

    def _deliver(self, values: Answers) -> None:
        """Say whether a message was delivered, before whoever got it answers."""
        aps, address = values["apsFrame"], int(values["indexOrDestination"])
        content = bytes(values["messageContents"])
        is_there = self._ieee_of(address) is not None
        failed = t.EmberStatus.DELIVERY_FAILED
        self._send(
            self.tell(
                "messageSentHandler",
                type=values["type"],
                indexOrDestination=address,
                apsFrame=aps.replace(sequence=self._aps_sequence),
                messageTag=values["messageTag"],
                status=t.EmberStatus.SUCCESS if is_there else failed,
            )
        )
        if is_there:
            self._on_unicast(address, aps, self._aps_sequence, content)

    def _frame(self, control: int, number: int, body: bytes) -> bytes:
        return bytes((self._sequence, control, 0x01)) + number.to_bytes(2, "little") + body

    def _version(self, _: Answers) -> Answers:
        return {
            "protocolVersion": EZSP_VERSION,
            "stackType": STACK_TYPE,
            "stackVersion": STACK_VERSION,
        }

    def _network_state(self, _: Answers) -> Answers:
        status = t.EmberNetworkStatus
        return {"status": status.JOINED_NETWORK if self.is_up else status.NO_NETWORK}

    def _network_init(self, _: Answers) -> Answers:
        self.is_up = self.is_formed
        status = t.EmberStatus
        return {"status": status.SUCCESS if self.is_formed else status.NOT_JOINED}

    def _form_network(self, values: Answers) -> Answers:
        self._parameters = values["parameters"]
        self.is_formed = self.is_up = True
        return {}

    def _leave_network(self, _: Answers) -> Answers:
        self.is_formed = self.is_up = False
        return {}

    def _network_parameters(self, _: Answers) -> Answers:
        return {"nodeType": t.EmberNodeType.COORDINATOR, "parameters": self._parameters}

    def _security_state(self, _: Answers) -> Answers:
        state = default(t.EmberCurrentSecurityState)
        return {"state": state.replace(trustCenterLongAddress=eui64(STICK_IEEE))}

    def _key_info(self, _: Answers) -> Answers:
        info = default(t.SecurityManagerNetworkKeyInfo)
        return {"network_key_info": info.replace(network_key_set=True)}

    def _value(self, values: Answers) -> Answers:
        is_version = values["valueId"] == t.EzspValueId.VALUE_VERSION_INFO
        return {"value": t.LVBytes(VERSION_INFO if is_version else bytes(4))}

    def _token(self, _: Answers) -> Any:
        answer = default(COMMANDS["getTokenData"][2])
        return answer.replace(status=t.EmberStatus.ERR_FATAL, value=t.LVBytes32(b""))

    def _start_scan(self, _: Answers) -> Answers:
        return {}

    def _lookup(self, values: Answers) -> Answers:
        ieee = self._ieee_of(int(values["nodeId"]))
        if ieee is None:
            return {"status": t.EmberStatus.ERR_FATAL}
        return {"eui64": eui64(ieee)}

    def _permit_joining(self, _: Answers) -> Answers:
        return {}

    def _send_unicast(self, _: Answers) -> Answers:
        self._aps_sequence = (self._aps_sequence + 1) % 256
        return {"sequence": self._aps_sequence}


def eui64(ieee: str) -> Any:
    """Turn 16 hex digits, most significant first, into an address."""
    return t.EUI64.convert(":".join(ieee[place : place + 2] for place in range(0, 16, 2)))


def decode(shape: Any, content: bytes) -> dict[str, Any]:
    """Read a command's arguments; raise ValueError where they are cut short."""
    values: dict[str, Any] = {}
    for field, kind in shape.items() if isinstance(shape, dict) else ():
        values[field], content = kind.deserialize(content)
    return values


def encode(shape: Any, values: Any) -> bytes:
    """Write an answer; a field nobody gave is zero, empty or false."""
    if not isinstance(shape, dict):
        answer = values if isinstance(values, Struct) else default(shape)
        return bytes(answer.serialize())
    body = b""
    for field, kind in shape.items():
        value = values[field] if field in values else default(kind)
        body += (value if isinstance(value, kind) else kind(value)).serialize()
    return body


def default(kind: Any) -> Any:
    """Return the empty value of a type of EZSP."""
    if issubclass(kind, Struct):
        fields = {field.name: default(field.type) for field in kind.fields if not field.optional}
        return kind(**fields)
    if issubclass(kind, int):
        return kind(0)
    for arguments in ((), ([],), (b"",), ([0] * 8,), ([0] * 16,)):
        try:
            value = kind(*arguments)
            value.serialize()
        except (TypeError, ValueError, IndexError, AttributeError):
            continue
        return value
    raise TypeError(f"{kind} has no empty value")

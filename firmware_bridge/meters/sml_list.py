"""What the list responses of one SML file say: entries to samples, by the OBIS table. Pure."""

from firmware_bridge.meters.codec import Refused, Telegram, refuse
from firmware_bridge.meters.obis import groups_of, scale_integer
from firmware_bridge.meters.sml_direction import is_exporting, repair_dzg_power
from firmware_bridge.meters.sml_identity import IDENTITY_CODES, Identity, identify
from firmware_bridge.meters.sml_meaning import (
    ABSOLUTE_POWER,
    SIGNED_POWER,
    Meaning,
    Meanings,
    code_of,
    print_value,
)
from firmware_bridge.meters.sml_message import Entry, ListResponse, OtherMessage, read_messages
from firmware_bridge.meters.sml_values import (
    KIND_MASK,
    LENGTH_MASK,
    UNSIGNED,
    MalformedError,
    Value,
)
from shared.readings import COUNTERS, Medium, Sample
from shared.units import LATEST_PLAUSIBLE_MS, MS_PER_SECOND

UNNAMED = "unnamed"
"""The id of a meter that gives none."""

MAX_UNKNOWN = 64
"""Unknown codes kept of one meter; the chattiest list seen has about 40 entries in all."""

MAX_UNKNOWN_CHARS = 80

MAX_REFUSED_VALUES = 8
"""Refusals reported of one file: past this it is noise, and said to be so."""

EARLIEST_TIME_S = 1_262_304_000
"""2010-01-01: SML meters are younger. Some send the seconds since they were fitted as a time."""

UTC_CHOICES = (2, 3)
"""A time is a choice of 1 (seconds since switched on), 2 (UTC) or 3 (UTC with local offsets)."""

IGNORED = {
    "129-129:199.130.3*255": "the maker",
    "129-129:199.130.5*255": "the public key",
    "1-0:96.50.1*1": "the maker",
}
"""Entries that are understood and hold no register, each with what it is."""


class _Findings:
    """What has been read of one meter's lists; `refused` is the file's.

    There are no more registers than the OBIS table names.
    """

    def __init__(self, identity: Identity, raw: bytes, refused: list[Telegram | Refused]) -> None:
        self.identity = identity
        self.time_ms: int | None = None
        self.status: int | None = None
        self.registers: dict[str, int] = {}
        self.unknown: dict[str, str] = {}
        self._raw = raw
        self._refused = refused

    def keep(self, meaning: Meaning, number: int) -> None:
        """Keep a register's value, or refuse it."""
        value = scale_integer(number, meaning.exponent)
        if value is None or (value < 0 and meaning.register in COUNTERS):
            self.refuse(meaning, number)
        else:
            self.registers.setdefault(meaning.register, value)

    def refuse(self, meaning: Meaning, number: int) -> None:
        """Report an impossible value."""
        if len(self._refused) < MAX_REFUSED_VALUES:
            detail = f"{meaning.code} says {number}"
            self._refused.append(refuse("bad-value", detail, self._raw))

    def keep_unknown(self, code: str, entry: Entry) -> None:
        """Keep what the table does not know, in the words of the meter."""
        if len(self.unknown) < MAX_UNKNOWN:
            kept = print_value(entry)[:MAX_UNKNOWN_CHARS]
            self.unknown.setdefault(code[:MAX_UNKNOWN_CHARS], kept)


class ListDecoder:
    """Decodes the files of one port."""

    def __init__(self) -> None:
        self._meanings = Meanings()

    def decode(self, data: bytes, raw: bytes) -> list[Telegram | Refused]:
        """Return the telegram of a file and a refusal for each impossible value in it.

        `data` is the file with its escapes taken out, `raw` the frame as it came. A file without a
        code of the table is a telegram of raw codes, and refused as well, so that it is counted.
        """
        meters: dict[str, _Findings] = {}
        refused: list[Telegram | Refused] = []
        others: list[OtherMessage] = []
        try:
            for message in read_messages(data):
                if isinstance(message, OtherMessage):
                    others.append(message)
                    continue
                identity = _identity_of(message)
                findings = meters.get(identity.meter)
                if findings is None:
                    findings = meters[identity.meter] = _Findings(identity, raw, refused)
                self._read_list(message, findings)
        except MalformedError as error:
            refused.append(refuse("bad-value", error.message, raw))
        samples = tuple(
            Sample(name, Medium.ELECTRICITY, found.time_ms, found.registers, 0, found.unknown)
            for name, found in sorted(meters.items(), key=lambda one: not one[1].registers)
            if found.registers or found.unknown
        )
        if not any(sample.registers for sample in samples) and not refused:
            refused = [_without_values(meters, others, raw)]
        return [Telegram(samples), *refused] if samples else refused

    def _read_list(self, response: ListResponse, findings: _Findings) -> None:
        if findings.time_ms is None:
            sent = (response.sensor_time, response.gateway_time)
            findings.time_ms = next(filter(None, map(_time_ms, sent)), None)
        powers: list[tuple[Meaning, Entry]] = []
        for entry in response.entries:
            if findings.status is None:
                findings.status = entry.status
            meaning = self._meanings.of(entry)
            if not isinstance(entry.value, int) or not meaning.register:
                if meaning.code not in IGNORED and meaning.groups not in IDENTITY_CODES:
                    findings.keep_unknown(meaning.code, entry)
            elif meaning.opposite:
                powers.append((meaning, entry))
            else:
                findings.keep(meaning, entry.value)
        # Power comes last: its direction may be told by the status word of an energy register.
        for meaning, entry in powers:
            _keep_power(meaning, entry, findings)


def _keep_power(meaning: Meaning, entry: Entry, findings: _Findings) -> None:
    """Keep power as import and export, its sign set right where the meter's is absent or wrong."""
    number = _directed(meaning.groups, entry, findings)
    if number is None:
        findings.keep_unknown(meaning.code, entry)
        return
    value = scale_integer(number, meaning.exponent)
    if value is None:
        findings.refuse(meaning, number)
        return
    findings.registers.setdefault(meaning.register, max(0, value))
    if value < 0 or meaning.groups in SIGNED_POWER:
        findings.registers.setdefault(meaning.opposite, max(0, -value))


def _directed(groups: str, entry: Entry, findings: _Findings) -> int | None:
    """Return a power's number, negative for export; None where nothing tells its direction."""
    number = entry.value if isinstance(entry.value, int) else 0
    status = findings.status
    if groups == ABSOLUTE_POWER:
        exporting = is_exporting(status)
        if exporting is None:
            return None if number else 0
        return -number if exporting else number
    if groups == "16.7.0" and entry.head & KIND_MASK == UNSIGNED:
        return -number if is_exporting(status) else number
    if findings.identity.maker == "DZG":
        width = (entry.head & LENGTH_MASK) - 1
        return repair_dzg_power(groups, number, width, status, findings.identity.number)
    return number


def _identity_of(response: ListResponse) -> Identity:
    """Identify the meter by the server's id, else by the entry that repeats it."""
    identity = identify(response.server_id)
    if identity.meter:
        return identity
    given = {
        groups_of(code_of(entry.name)): entry.value
        for entry in response.entries
        if isinstance(entry.value, bytes)
    }
    for groups in IDENTITY_CODES:
        content = given.get(groups)
        if content is not None and (identity := identify(content)).meter:
            return identity
    return Identity(UNNAMED, "", 0)


def _time_ms(sent: Value) -> int | None:
    """Return a wall-clock time as UTC; None for the seconds since the meter was switched on."""
    if not isinstance(sent, list) or len(sent) < 2 or sent[0] not in UTC_CHOICES:  # noqa: PLR2004
        return None
    seconds = sent[1][0] if isinstance(sent[1], list) and sent[1] else sent[1]
    if not isinstance(seconds, int) or seconds < EARLIEST_TIME_S:
        return None
    time_ms = seconds * MS_PER_SECOND
    return time_ms if time_ms < LATEST_PLAUSIBLE_MS else None


def _without_values(
    meters: dict[str, _Findings], others: list[OtherMessage], raw: bytes
) -> Refused:
    """Say what a file held that gave no register."""
    unknown = [
        f"{code} {text}" for found in meters.values() for code, text in found.unknown.items()
    ]
    attentions = [message.detail for message in others if message.detail]
    if attentions:
        return refuse("no-values", f"the meter answers with attention {attentions[0]}", raw)
    if unknown:
        return refuse("no-values", f"no code is known: {', '.join(unknown)}", raw)
    tags = ", ".join(f"{message.tag:04X}" for message in others)
    return refuse("no-values", f"no list among the messages {tags}", raw)

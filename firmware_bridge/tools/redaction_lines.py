"""What names a household in XML stanzas, MQTT messages and ZigBee frames. Pure.

None of them has a checksum; each is judged up to its last whole stanza or line.
"""

import re

from firmware_bridge.tools.pseudonyms import Pseudonyms

_CLOSING = re.compile(rb"</[A-Za-z0-9]+>\s*")

_RAVEN = re.compile(
    rb"(<(\w*MacId|InstallCode|LinkKey|ExtPanId|Nickname|Account|Auth|Host|Text)>\s*(?:0[xX])?)"
    rb"([^<]+?)(\s*</\2>)"
)
"""Addresses, keys, what the household named its meter, and messages."""

_OPEN_FIELD = re.compile(rb"(?:(?:<|\A)\w*>|\A)\s*([^<>]*)(?:</?\w*)?$")
_HEADLESS = re.compile(rb"\A(?:[^<>]*>)?([^<>]*)(?=</)")
"""A value whose opening tag came before the capture began."""


_HEX_DIGIT = re.compile(rb"[0-9A-Fa-f]")
_MAC = re.compile(rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]{12}(?:[0-9A-Fa-f]{4})?(?![0-9A-Fa-f])")
_TOPIC = re.compile(rb'^(?!")[^\s{]+', re.MULTILINE)
_GLOW = re.compile(
    rb'("(mpan|mprn|mpxn|eui|gid|\w*mac|serial|\w*serialnumber|deviceid|deviceguid|ip)"'
    rb'\s*:\s*"?)([^",}\s][^",}]*)',
    re.IGNORECASE,
)
_NETWORK = re.compile(rb'("ssid"\s*:\s*")([^"\n]*)', re.IGNORECASE)
_ADDRESSES = (b"eui", b"gid", b"mac")
_SITE = re.compile(rb'"03"\s*:\s*\{[^{}]*')
_SITE_FIELD = re.compile(rb'("(0[78])"\s*:\s*")([^"]+)')
"""Supply point and serial as the display's cloud has them: attributes 0307 and 0308."""

_GLOW_HEAD = re.compile(rb'\A([^\n]*?)(?=\{|"\w+"\s*:|\n|\Z)')
"""What a Glow text begins with: a topic, or, where the capture began within a line, the rest of a
key or a value."""

_WITHIN_JSON = re.compile(rb'[",}]')
_OBJECT_REST = re.compile(rb"[^{}\n]*")
_SAID = re.compile(rb'[^\s",:{}]')
_TELLING_RUN = re.compile(rb"[0-9A-Fa-f]{5,}")
_CUT_VALUE = re.compile(rb'[:\s]\s*"?([^\s",}]*)$')
MIN_TELLING_DIGITS = 6
"""Fewer are a word such as "read pending" or "EMPTY", which is worth seeing."""

_ZIGBEE = re.compile(rb"^([0-9A-Fa-f]{16})((?: [0-9A-Fa-f]{2,4}){2} ([0-9A-Fa-f]{4}) )(\S*)")
_MAKER_DIGITS = 6
_MESSAGING = b"0703"
_ZCL_STRING = re.compile(rb"[\x41\x42]([\x05-\x40])", re.DOTALL)
_OWN_ATTRIBUTE = re.compile(rb"(?:[\x01-\x0c\x11]\x03|\x0d\x00)\x00?[\x41\x42]\Z", re.DOTALL)
"""Metering's site id, serials and customer id (0x0301 to 0x0311), and Basic's product code."""

_RUN = re.compile(rb"[0-9]{5,}")
_PRINTABLE_RUN = re.compile(rb"[\x20-\x7e]{4,}")


class RavenRule:
    """Redacts stanzas of a RAVEn or an EMU-2."""

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._is_first = True

    def end_of_unit(self, pending: bytes) -> int | None:
        """Return where the last field or stanza that is closed ends."""
        ends = [match.end() for match in _CLOSING.finditer(pending)]
        return ends[-1] if ends else None

    def redact(self, block: bytes) -> bytes:
        """Replace addresses, keys and messages."""
        headless = _HEADLESS.match(block) if self._is_first else None
        self._is_first = False
        return _RAVEN.sub(self._replace, _blot(block, headless) if headless else block)

    def redact_rest(self, rest: bytes) -> bytes:
        """Redact the rest, and a value that was cut off."""
        redacted = self.redact(rest)
        cut = _OPEN_FIELD.search(redacted)
        return redacted if cut is None else _blot(redacted, cut)

    def _replace(self, match: re.Match[bytes]) -> bytes:
        head, name, value, tail = match.groups()
        if name in (b"Text", b"Nickname", b"Account", b"Auth", b"Host"):
            return head + self._names.message(value) + tail
        return head + self._names.hexadecimal(value) + tail


class _LineRule:
    """Judges whole lines."""

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names

    def end_of_unit(self, pending: bytes) -> int | None:
        """Return where the last whole line ends."""
        return pending.rfind(b"\n") + 1 or None

    def redact(self, block: bytes) -> bytes:
        """Return a block as it is."""
        return block

    def redact_rest(self, rest: bytes) -> bytes:
        """Blot out a line that was cut off: it holds no reading, and may end within an address."""
        return b"." * len(rest)


def _blot(content: bytes, match: re.Match[bytes]) -> bytes:
    return content[: match.start(1)] + b"." * len(match[1]) + content[match.end(1) :]


class GlowRule(_LineRule):
    """Redacts messages of a Glow display: its address in the topic, supply points, serials."""

    def __init__(self, names: Pseudonyms) -> None:
        super().__init__(names)
        self._is_first = True

    def redact(self, block: bytes) -> bytes:
        """Replace them; the topic's own words, which a household may choose, stay."""
        if not self._is_first:
            return self._redact_whole(block)
        self._is_first = False
        head = _GLOW_HEAD.match(block)
        return block if head is None else self._redact_headless(head[1], block[head.end() :])

    def _redact_whole(self, block: bytes) -> bytes:
        named = _GLOW.sub(self._replace, _TOPIC.sub(self._replace_topic, block))
        named = _NETWORK.sub(lambda ssid: ssid[1] + self._names.message(ssid[2]), named)
        return _SITE.sub(lambda site: _SITE_FIELD.sub(self._replace, site[0]), named)

    def _redact_headless(self, head: bytes, rest: bytes) -> bytes:
        """Redact a topic that may be cut, or blot out what is left of a field whose key is."""
        if not _WITHIN_JSON.search(head):
            hidden = _TELLING_RUN.sub(lambda run: self._names.hexadecimal(run[0]), head)
            return hidden + self._redact_whole(rest)
        # The fields that follow may be the site's, whose own name the capture lacks.
        site = _OBJECT_REST.match(rest)
        end = site.end() if site else 0
        fields = _SITE_FIELD.sub(self._replace, rest[:end])
        return _SAID.sub(b".", head) + self._redact_whole(fields + rest[end:])

    def redact_rest(self, rest: bytes) -> bytes:
        """Redact the rest, and blot out a topic or a value that was cut off."""
        if b"{" not in rest and b'"' not in rest and rest.strip(b"} \t\r\n"):
            return super().redact_rest(rest)
        redacted = self.redact(rest)
        cut = _CUT_VALUE.search(redacted)
        return redacted if cut is None else _blot(redacted, cut)

    def _replace_topic(self, match: re.Match[bytes]) -> bytes:
        return _MAC.sub(lambda mac: self._names.hexadecimal(mac[0]), match[0])

    def _replace(self, match: re.Match[bytes]) -> bytes:
        head, key, value = match.groups()
        if key.lower().endswith(_ADDRESSES):
            return head + self._names.hexadecimal(value)
        if len(_HEX_DIGIT.findall(value)) < MIN_TELLING_DIGITS:
            return match[0]
        return head + self._names.digits(value)


class ZigbeeRule(_LineRule):
    """Redacts received frames: the sender's address but for its maker, and the texts in a frame."""

    def redact(self, block: bytes) -> bytes:
        """Replace them, line by line; a line that is no frame is blotted out."""
        lines = block.split(b"\n")
        return b"\n".join(self._redact_line(line) for line in lines)

    def _redact_line(self, line: bytes) -> bytes:
        match = _ZIGBEE.match(line)
        return b"." * len(line) if match is None else self._replace(match) + line[match.end() :]

    def _replace(self, match: re.Match[bytes]) -> bytes:
        sender, between, cluster, frame = match.groups()
        name = self._names.hexadecimal(sender, keep=_MAKER_DIGITS)
        try:
            content = bytes.fromhex(frame.decode("ascii"))
        except ValueError:
            return name + between + b"." * len(frame)
        address = bytes.fromhex(sender.decode("ascii"))
        swapped = bytes.fromhex(name.decode("ascii"))
        content = content.replace(address, swapped).replace(address[::-1], swapped[::-1])
        is_message = cluster == _MESSAGING
        content = self._redact_texts(content) if is_message else self._redact_strings(content)
        return name + between + content.hex().encode("ascii")

    def _redact_texts(self, content: bytes) -> bytes:
        return _PRINTABLE_RUN.sub(lambda run: self._names.message(run[0]), content)

    def _redact_strings(self, content: bytes) -> bytes:
        """Replace the digits of every string that has a long number in it."""
        place = 0
        while (match := _ZCL_STRING.search(content, place)) is not None:
            place, end = match.end(), match.end() + match[1][0]
            value = content[place:end]
            head = content[: match.start(1)]
            is_own = _OWN_ATTRIBUTE.search(head) is not None
            if value.isascii() and (is_own or _RUN.search(value)):
                content = content[:place] + self._names.digits(value) + content[end:]
                place = end
        return content

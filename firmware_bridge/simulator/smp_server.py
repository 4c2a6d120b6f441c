"""A simulated panel's SMP side: lines in, lines out; echo, sizes, image states, upload, restart.

Pure but for the flash it is given. Owns what MCUmgr answers to each request; the flash and its
bootloader are `smp_flash.py`'s. What is lost on the way is whoever carries the lines' business.
"""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import cbor2
from smp import packet
from smp.error import MGMT_ERR
from smp.header import OP, CommandId, GroupId, Header
from smp.image_management import IMG_MGMT_ERR

from firmware_bridge.display.smp_exchange import FRAME_FAULTS, LINE_BYTES
from firmware_bridge.display.smp_lines import LineAssembler
from firmware_bridge.simulator.smp_flash import BrownOutError, Flash, Slot

BUFFER_BYTES, BUFFERS = 1_024, 4

Body = dict[str, Any]


class Upload(NamedTuple):
    """An upload under way; a restart forgets it."""

    sha: bytes
    length: int
    offset: int


def _image_error(code: IMG_MGMT_ERR) -> Body:
    return {"err": {"group": int(GroupId.IMAGE_MANAGEMENT), "rc": int(code)}}


class SmpServer:
    """One boot of a panel's update server over its flash."""

    def __init__(self, flash: Flash, buffer_bytes: int = BUFFER_BYTES) -> None:
        self.requests = 0
        self.damaged = 0
        self.wants_restart = False
        self.is_dark = False
        self._flash = flash
        self._buffer_bytes = buffer_bytes
        self._upload: Upload | None = None
        self._lines_heard = LineAssembler()
        system, images = CommandId.OSManagement, CommandId.ImageManagement
        self._commands: dict[tuple[int, int, OP], Callable[[Body], Body]] = {
            (GroupId.OS_MANAGEMENT, system.ECHO, OP.WRITE): self._echo,
            (GroupId.OS_MANAGEMENT, system.MCUMGR_PARAMETERS, OP.READ): self._sizes,
            (GroupId.OS_MANAGEMENT, system.RESET, OP.WRITE): self._restart,
            (GroupId.IMAGE_MANAGEMENT, images.STATE, OP.READ): self._states,
            (GroupId.IMAGE_MANAGEMENT, images.STATE, OP.WRITE): self._set_state,
            (GroupId.IMAGE_MANAGEMENT, images.UPLOAD, OP.WRITE): self._take_piece,
            (GroupId.IMAGE_MANAGEMENT, images.ERASE, OP.WRITE): self._erase,
        }

    def receive(self, line: bytes) -> bytes:
        """Take one line, and return the lines of the answer once a request is whole.

        Where the flash's power fails in it nothing is answered any more in this boot.
        """
        if self.is_dark:
            return b""
        try:
            frame = self._lines_heard.take(line)
            if frame is None:
                return b""
            header = Header.loads(frame[: Header.SIZE])
            body = cbor2.loads(frame[Header.SIZE :]) if len(frame) > Header.SIZE else {}
        except FRAME_FAULTS:
            self.damaged += 1
            self._lines_heard.forget()
            return b""
        if header.op not in (OP.READ, OP.WRITE) or not isinstance(body, dict):
            self.damaged += 1
            return b""
        self.requests += 1
        is_too_long = len(frame) > self._buffer_bytes
        try:
            answer = {"rc": int(MGMT_ERR.ENOMEM)} if is_too_long else self._answer(header, body)
        except BrownOutError:
            self.is_dark = self.wants_restart = True
            return b""
        return self._encode(header, answer)

    def _encode(self, header: Header, answer: Body) -> bytes:
        body = cbor2.dumps(answer)
        head = Header(
            op=OP.READ_RSP if header.op is OP.READ else OP.WRITE_RSP,
            version=header.version,
            flags=header.flags,
            length=len(body),
            group_id=header.group_id,
            sequence=header.sequence,
            command_id=header.command_id,
        )
        return b"".join(packet.encode(head.BYTES + body, LINE_BYTES))

    def _answer(self, header: Header, body: Body) -> Body:
        command = self._commands.get((header.group_id, header.command_id, header.op))
        return {"rc": int(MGMT_ERR.ENOTSUP)} if command is None else command(body)

    def _echo(self, body: Body) -> Body:
        return {"r": body.get("d", "")}

    def _sizes(self, _: Body) -> Body:
        return {"buf_size": self._buffer_bytes, "buf_count": BUFFERS}

    def _restart(self, _: Body) -> Body:
        self.wants_restart = True
        return {}

    def _states(self, _: Body | None = None) -> Body:
        said = [_describe(number, slot) for number, slot in enumerate(self._flash.slots)]
        return {"images": [one for one in said if one is not None]}

    def _set_state(self, body: Body) -> Body:
        """Mark slot 1 for the next start, or confirm what runs."""
        first, second = self._flash.slots
        wanted, is_confirm = body.get("hash"), bool(body.get("confirm"))
        running, waiting = first.image(), second.image()
        if is_confirm and (wanted is None or (running is not None and running.hash == wanted)):
            self._flash.confirm()
        elif waiting is not None and waiting.hash == wanted:
            self._flash.mark(is_permanent=is_confirm)
        elif running is not None and running.hash == wanted:
            return _image_error(IMG_MGMT_ERR.IMAGE_SETTING_TEST_TO_ACTIVE_DENIED)
        else:
            return _image_error(IMG_MGMT_ERR.NO_IMAGE)
        return self._states()

    def _take_piece(self, body: Body) -> Body:
        """Take a piece of an image; where it is another than the next, say which is."""
        offset, content = body.get("off"), body.get("data", b"")
        if type(offset) is not int or type(content) is not bytes:
            return _image_error(IMG_MGMT_ERR.INVALID_OFFSET)
        if offset == 0:
            refused = self._begin(body)
            if refused is not None:
                return refused
        upload = self._upload
        if upload is None:
            return {"off": 0}
        if offset == upload.offset:
            if offset + len(content) > upload.length:
                return _image_error(IMG_MGMT_ERR.INVALID_IMAGE_DATA_OVERRUN)
            self._flash.write(1, offset, content)
            upload = self._upload = upload._replace(offset=offset + len(content))
        answer: Body = {"off": upload.offset}
        if upload.offset == upload.length:
            held = bytes(self._flash.slots[1].content[: upload.length])
            answer["match"] = hashlib.sha256(held).digest() == upload.sha
            self._upload = None
        return answer

    def _begin(self, body: Body) -> Body | None:
        """Begin an upload with its first piece, or find that it is under way already."""
        length, sha = body.get("len"), body.get("sha", b"")
        if type(length) is not int or length <= 0:
            return _image_error(IMG_MGMT_ERR.INVALID_LENGTH)
        if self._upload is not None and (sha, length) == self._upload[:2]:
            return None
        second = self._flash.slots[1]
        if length > len(second.content):
            return _image_error(IMG_MGMT_ERR.INVALID_IMAGE_TOO_LARGE)
        if second.is_pending or self._is_on_trial():
            return _image_error(IMG_MGMT_ERR.NO_FREE_SLOT)
        self._upload = None
        self._flash.erase(1)
        self._upload = Upload(sha, length, 0)
        return None

    def _erase(self, _: Body) -> Body:
        if self._flash.slots[1].is_pending or self._is_on_trial():
            return _image_error(IMG_MGMT_ERR.NO_FREE_SLOT)
        self._upload = None
        self._flash.erase(1)
        return {}

    def _is_on_trial(self) -> bool:
        """Slot 1 is the way back while what runs is not confirmed."""
        return not self._flash.slots[0].is_confirmed


def _describe(number: int, slot: Slot) -> Body | None:
    """Describe a slot as Zephyr does: by its header and hash, whether or not its bytes are good."""
    image = slot.image()
    if image is None:
        return None
    return {
        "slot": number,
        "version": str(image.version).replace("+", "."),
        "hash": image.hash,
        "bootable": True,
        "pending": slot.is_pending,
        "confirmed": number == 0 and slot.is_confirmed,
        "active": number == 0,
        "permanent": slot.is_permanent,
    }

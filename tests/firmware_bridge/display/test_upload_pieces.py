"""Images in pieces: sizes by the panel's buffer, and what it may answer."""

import hashlib

import pytest
from smp.image_management import ImageUploadWriteResponse
from smp.os_management import MCUMgrParametersReadResponse
from smpclient.requests.image_management import ImageUploadWrite

from firmware_bridge.display.upload_pieces import (
    BUFFER_BYTES,
    BUFFER_BYTES_MAX,
    BUFFER_BYTES_MIN,
    FROM_START_MAX,
    Upload,
    buffer_of,
)

CONTENT = bytes(range(256)) * 40


def answer(**fields: int) -> ImageUploadWriteResponse:
    """Answer an upload request."""
    return ImageUploadWriteResponse(sequence=1, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("buffer_bytes", [BUFFER_BYTES_MIN, BUFFER_BYTES, 1_024, BUFFER_BYTES_MAX])
def test_every_request_fits_into_the_panels_buffer(buffer_bytes: int) -> None:
    """Head and keys included; the first, which says most, as well as the last."""
    upload = Upload(bytes(3_000_000))
    upload.buffer_bytes = buffer_bytes
    for offset in (0, 23, 24, 255, 256, 65_535, 65_536, 2_999_000):
        fields = upload.piece(offset)
        assert fields is not None
        request = ImageUploadWrite(sequence=255, **fields)
        assert len(request.BYTES) <= buffer_bytes
        assert len(request.BYTES) > buffer_bytes - 70 or offset == 2_999_000


def test_the_pieces_are_the_image() -> None:
    """Whole, in order, none twice."""
    upload, sent = Upload(CONTENT), bytearray()
    upload.buffer_bytes = 500
    while len(sent) < len(CONTENT):
        fields = upload.piece(len(sent))
        assert fields is not None
        assert fields["off"] == len(sent)
        sent += fields["data"]

    assert bytes(sent) == CONTENT


def test_the_first_piece_names_the_file() -> None:
    """By its SHA-256, so that a panel goes on with what it has of it."""
    first = Upload(CONTENT).piece(0)

    assert first is not None
    assert first["sha"] == hashlib.sha256(CONTENT).digest()
    assert (first["len"], first["image"]) == (len(CONTENT), 0)
    assert "upgrade" not in first


def test_beginning_anew_is_bounded() -> None:
    """A panel whose power fails for ever must not be written to for ever: flash wears."""
    upload = Upload(CONTENT)
    given = [upload.piece(0) for _ in range(FROM_START_MAX + 1)]

    assert None not in given[:-1]
    assert given[-1] is None


def test_the_panel_says_where_it_is() -> None:
    """Forwards after a lost answer, backwards after a restart."""
    upload = Upload(CONTENT)

    assert [upload.take(answer(off=off)) for off in (500, 900, 0)] == [500, 900, 0]
    assert upload.sent_bytes == 0


@pytest.mark.parametrize("fields", [{}, {"off": -1}, {"off": len(CONTENT) + 1}, {"rc": 3}])
def test_what_cannot_be_is_no_offset(fields: dict[str, int]) -> None:
    """None at all, outside of the image, or a refusal in an ordinary answer."""
    upload = Upload(CONTENT)
    upload.take(answer(off=700))

    assert upload.take(answer(**fields)) is None
    assert upload.sent_bytes == 700


def test_a_panels_buffer_is_taken_within_bounds() -> None:
    """Panels that do not say have Zephyr's own choice."""
    for said, taken in ((1_024, 1_024), (1 << 20, BUFFER_BYTES_MAX), (64, 64)):
        told = MCUMgrParametersReadResponse(sequence=1, buf_size=said, buf_count=4)
        assert buffer_of(told) == taken
    assert buffer_of(answer(rc=8)) == BUFFER_BYTES

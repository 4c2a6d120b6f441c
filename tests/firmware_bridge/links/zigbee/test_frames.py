"""Frames a link sends, byte by byte as the specifications have them."""

from firmware_bridge.links.zigbee import frames


def test_a_read_of_attributes_lists_them() -> None:
    """Little end first, after control, sequence and command."""
    frame = frames.read_attributes((0x0000, 0x0400)).frame(7)

    assert frame.hex() == "00070000000004"


def test_a_profile_is_asked_for_by_channel_end_and_count() -> None:
    """An end of zero is the latest."""
    latest = frames.get_profile(frames.DELIVERED, 12).frame(1)
    older = frames.get_profile(frames.RECEIVED, 3, 0x2FB0C180).frame(2)

    assert latest.hex() == "010100" + "00" + "00000000" + "0c"
    assert older.hex() == "010200" + "01" + "80c1b02f" + "03"


def test_the_price_is_asked_for() -> None:
    """As one who listens all the time; the next one too, from now on."""
    assert frames.get_current_price().frame(9).hex() == "01090001"
    assert frames.get_scheduled_prices().frame(10).hex() == "010a01" + "00000000" + "02"


def test_the_last_message_is_asked_for() -> None:
    """Without any field."""
    assert frames.get_last_message().frame(11).hex() == "010b00"


def test_what_is_remembered_looks_like_an_answer() -> None:
    """With what the device does not have marked as such."""
    records = [frames.Remembered(0x0300, bytes.fromhex("3000")), frames.Remembered(0x0308, None)]

    assert frames.remembered(records).hex() == "180001" + "0003003000" + "080386"

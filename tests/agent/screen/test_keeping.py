"""What luma's devices keep: less memory for it, and the same bytes on the bus."""

import tracemalloc
from array import array
from types import SimpleNamespace
from typing import Any

import pytest
from luma.core.framebuffer import diff_to_previous, full_frame  # type: ignore[import-untyped]
from PIL import Image, ImageDraw

from agent.screen.drivers import load_driver
from agent.screen.keeping import TABLE_LENGTH_LEAST, PackedDifference, keep_packed
from agent.screendrivers import DRIVERS

SIZE = (64, 48)


class Bus:
    """A bus that notes all that is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def command(self, *command: int) -> None:
        """Take a command."""
        self.sent.append(("command", bytes(command)))

    def data(self, data: Any) -> None:
        """Take pixels."""
        self.sent.append(("data", bytes(data)))


def pictures(mode: str, size: tuple[int, int]) -> list[Image.Image]:
    """Some pictures of which the second is the first again, and the others differ in parts."""
    drawn = []
    for left in (2, 2, 30, 50):
        picture = Image.new(mode, size)
        box = (left, 3, left + 9, 12)
        ImageDraw.Draw(picture).rectangle(box, fill=255 if mode == "1" else (9, 200, 90))
        drawn.append(picture)
    return drawn


def parts(difference: Any, picture: Image.Image) -> list[tuple[bytes, tuple[int, ...]]]:
    """All the parts that are to be sent of a picture."""
    return [(part.tobytes(), box) for part, box in difference.redraw(picture)]


@pytest.mark.parametrize("mode", ["1", "RGB"])
def test_the_parts_are_those_that_luma_finds(mode: str) -> None:
    """The first picture whole, of the same again nothing, then what has changed."""
    lumas, packed = diff_to_previous(4), PackedDifference(diff_to_previous(4))

    found = [(parts(packed, one), parts(lumas, one)) for one in pictures(mode, SIZE)]

    assert all(ours == theirs for ours, theirs in found)
    assert [len(ours) > 0 for ours, _ in found] == [True, False, True, True]


def test_the_picture_that_was_there_before_it_was_packed_counts() -> None:
    """A device clears its screen when it is opened."""
    difference, (first, again, *_) = diff_to_previous(4), pictures("RGB", SIZE)
    parts(difference, first)

    assert parts(PackedDifference(difference), again) == []


def test_a_picture_of_which_a_part_was_not_taken_is_not_the_one_before() -> None:
    """The bus failed in the middle: the next picture is compared with the last that arrived."""
    packed, (first, _, third, _) = PackedDifference(diff_to_previous(4)), pictures("RGB", SIZE)
    parts(packed, first)

    cut_off = packed.redraw(third)
    next(cut_off)
    meanwhile = parts(packed, first)
    cut_off.close()

    assert meanwhile == []
    assert parts(packed, third) != []
    assert parts(packed, third) == []


def test_no_picture_lies_open_between_two() -> None:
    """Of one that is the same from the second on, a fiftieth is kept."""
    packed = PackedDifference(diff_to_previous(4))
    size = (400, 240)
    parts(packed, pictures("RGB", size)[0])

    tracemalloc.start()
    parts(packed, pictures("RGB", size)[2])
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    held = [one for one in vars(packed._difference).values() if isinstance(one, Image.Image)]

    assert held == []
    assert kept_bytes < size[0] * size[1] * 3 // 50


def test_tables_of_a_number_for_each_pixel_are_packed() -> None:
    """With the same numbers in them."""
    table = list(range(TABLE_LENGTH_LEAST))
    device = SimpleNamespace(offsets=list(table), mode="1")

    keep_packed(device)

    assert isinstance(device.offsets, array)
    assert list(device.offsets) == table
    assert device.mode == "1"


@pytest.mark.parametrize(
    "value",
    [
        [1, 2, 3],
        [-1] * TABLE_LENGTH_LEAST,
        [1 << 16] * TABLE_LENGTH_LEAST,
        [0.5] * TABLE_LENGTH_LEAST,
        ["a"] * TABLE_LENGTH_LEAST,
        "a" * TABLE_LENGTH_LEAST,
        full_frame(),
    ],
)
def test_what_is_no_such_table_stays_as_it_is(value: Any) -> None:
    """A later luma may keep other things."""
    device = SimpleNamespace(kept=value)

    keep_packed(device)

    assert device.kept is value


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("ssd1306", {}),
        ("sh1106", {}),
        ("ssd1327", {}),
        ("ssd1331", {}),
        ("st7735", {"backlight": lambda _is_on: None}),
    ],
)
def test_a_device_sends_what_it_sent_unpacked(name: str, lacking: dict[str, Any]) -> None:
    """Command for command and byte for byte."""
    sent = []
    for prepare in (keep_packed, vars):
        bus, (width, height) = Bus(), DRIVERS[name].size
        device = load_driver(name)(bus, width=width, height=height, **lacking)
        prepare(device)
        for picture in pictures(device.mode, device.size):
            device.display(picture)
        sent.append(bus.sent)

    assert sent[0] == sent[1]
    assert any(any(data) for kind, data in sent[0] if kind == "data")

"""The first PIN: one of many at once, and that one holds."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from agent.home.pinfile import NAME, PinFile
from shared.errors import OperatorError

AT_ONCE = 4
RACES = 20


def race(pin_file: PinFile) -> list[str]:
    """Set several first PINs at once; return those that were said to be set."""
    ready = Barrier(AT_ONCE)

    def set_pin(pin: str) -> list[str]:
        ready.wait()
        try:
            pin_file.set_first(pin)
        except OperatorError as error:
            assert "already" in error.message  # noqa: PT017 (each loser of many)
            return []
        return [pin]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = pool.map(set_pin, [f"pin-{place}" for place in range(AT_ONCE)])
        return [pin for pins in told for pin in pins]


def test_of_several_first_pins_one_is_set_and_holds(tmp_path: Path) -> None:
    """Nobody is told that a PIN is set which is not the one; no draft is left."""
    for number in range(RACES):
        folder = tmp_path / str(number)
        folder.mkdir()
        pin_file = PinFile(folder)

        (told,) = race(pin_file)

        is_pin = pin_file.read()
        assert is_pin is not None
        assert is_pin(told)
        assert [entry.name for entry in folder.iterdir()] == [NAME]


def test_the_name_is_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut after the page said so must not open the page to the next who comes."""
    synced: list[tuple[Path, bool]] = []
    monkeypatch.setattr(
        "agent.home.pinfile.sync_folder",
        lambda folder: synced.append((folder, (folder / NAME).exists())),
    )

    PinFile(tmp_path).set_first("2468")

    assert synced == [(tmp_path, True)]

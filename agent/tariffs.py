"""The tariffs the hub prices by: from the cloud's shadow or an import, else configured files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from agent.log import Log
from shared.errors import BadInputError, OperatorError
from shared.readings import Medium
from shared.tariffs import MAX_TARIFF_BYTES, Tariff, decode_tariff

_UNREADABLE = (
    msgspec.MsgspecError,
    AttributeError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What comes of a document that is no JSON, nests too deep, or has another shape."""


class TariffShelf:
    """One tariff for each medium, the newest that was given."""

    def __init__(self, log: Log, electricity_file: Path | None, gas_file: Path | None) -> None:
        self._log = log
        self._known: dict[Medium, tuple[bytes, Tariff]] = {}
        self._filed: dict[Medium, Tariff] = {}
        for medium, file in ((Medium.ELECTRICITY, electricity_file), (Medium.GAS, gas_file)):
            if file is not None:
                self._filed[medium] = read_tariff_file(file)

    def current(self, medium: Medium) -> Tariff | None:
        """Find the tariff of a medium; None where nobody has given one."""
        written = self._log.fact(_fact(medium))
        if written is None:
            return self._filed.get(medium)
        known = self._known.get(medium)
        if known is None or known[0] != written:
            known = self._known[medium] = (written, decode_tariff(written))
        return known[1]

    def put(self, medium: Medium, payload: bytes) -> Tariff:
        """Keep a tariff given as JSON; raises ConfigError naming every fault."""
        tariff = decode_tariff(payload)
        if self._log.fact(_fact(medium)) != payload:
            self._log.put_fact(_fact(medium), payload)
        return tariff

    def take_left(self, folder: Path) -> None:
        """Take in what `hearthlink tariff import` left for a hub that runs; raises ConfigError.

        The hub keeps its database to itself, so a command beside it can only leave a file.
        """
        for medium in Medium:
            left = left_file(folder, medium)
            if left.exists():
                payload = read_bounded(left)
                left.unlink()
                self.put(medium, payload)

    def take_shadow(self, payload: bytes, mediums: Mapping[str, Medium]) -> None:
        """Take in the tariff shadow, its document or its delta; raises HearthlinkError."""
        try:
            state: Any = msgspec.json.decode(payload)["state"]
            meters = dict(state.get("desired", state).get("meters", {}))
        except _UNREADABLE as error:
            raise BadInputError(f"tariff shadow of {len(payload)} bytes: {error}") from error
        for meter, tariff in meters.items():
            if meter in mediums and tariff is not None:
                self.put(mediums[meter], msgspec.json.encode(tariff))


def left_file(folder: Path, medium: Medium) -> Path:
    """Name the file by which a tariff is given to a hub that runs on this state folder."""
    return folder / f"given-tariff-{medium.value}.json"


def read_tariff_file(path: Path) -> Tariff:
    """Read a tariff from a JSON file; raises OperatorError or ConfigError naming the file."""
    return decode_tariff(read_bounded(path), str(path))


def read_bounded(path: Path) -> bytes:
    """Read a tariff's bytes from a file, no more than a tariff may have."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_TARIFF_BYTES + 1)
    except OSError as error:
        raise OperatorError(
            f"the tariff file {path} cannot be read: {error.strerror}", hint="check tariff.*_file"
        ) from error


def _fact(medium: Medium) -> str:
    return f"tariff.{medium.value}"

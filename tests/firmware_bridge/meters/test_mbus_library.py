"""The boundary to pyMeterBus: nothing it raises or sets up comes through."""

import subprocess
import sys

import pytest

from firmware_bridge.meters import mbus_library
from firmware_bridge.meters.mbus_library import Coding, Library, UndecodableError, load_library
from shared.errors import OperatorError


@pytest.mark.parametrize("content", ["fd", "047c", "0d", "04", "848484", "0dfd"])
def test_content_it_chokes_on_is_one_error_of_ours(content: str) -> None:
    """It raises IndexError and others by itself."""
    with pytest.raises(UndecodableError, match="cannot be made out"):
        Library().records_of(0x72, bytes.fromhex(content))


def test_records_have_their_parts_and_lowest_byte_first() -> None:
    """In both orders of bytes."""
    (plain,) = Library().records_of(0x72, bytes.fromhex("840113 01020304"))
    (turned,) = Library().records_of(0x76, bytes.fromhex("840113 04030201"))

    assert plain == turned
    assert (plain.coding, plain.data.hex()) == (Coding.INTEGER, "01020304")
    assert (plain.storage, plain.vif.hex()) == (2, "13")


@pytest.mark.parametrize(
    ("vif", "unit", "factor"),
    [("fb08", "J", 10**8), ("fb09", "J", 10**9), ("fb30", "J/h", 10**8), ("fb31", "J/h", 10**9)],
)
def test_what_its_table_has_wrong_is_corrected(vif: str, unit: str, factor: int) -> None:
    """Energy in GJ is reserved in it, and power in GJ an hour an energy."""
    (record,) = Library().records_of(0x72, bytes.fromhex(f"04{vif}01000000"))

    assert record.quantity is not None
    assert (record.quantity.unit, int(record.quantity.factor)) == (unit, factor)


def test_loading_it_leaves_logging_alone_and_takes_no_serial_port() -> None:
    """Its own import would set the program's logging to a level and a handler."""
    program = (
        "import logging, sys; from firmware_bridge.meters.mbus_library import load_library;"
        "load_library(); root = logging.getLogger();"
        "print(root.handlers, root.level, 'meterbus.serial' in sys.modules)"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert said.stdout.split() == ["[]", "30", "False"]


def test_links_and_catalog_do_not_load_it() -> None:
    """A hub without an M-Bus need not have it."""
    program = (
        "import sys; import firmware_bridge.links, firmware_bridge.links.mbus;"
        "import firmware_bridge.meters.catalog, firmware_bridge.meters.mbus_dialogue;"
        "print('meterbus' in sys.modules)"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "False"


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""

    def fail(_name: str) -> None:
        raise ImportError("No module named 'meterbus'")

    monkeypatch.delitem(sys.modules, "meterbus", raising=False)
    monkeypatch.setattr(mbus_library, "import_module", fail)

    monkeypatch.setattr(mbus_library, "find_spec", lambda _name: None)

    with pytest.raises(OperatorError) as caught:
        load_library()
    with pytest.raises(OperatorError, match="no module named meterbus"):
        Library()

    assert "pip install 'hearthlink[agent]'" in caught.value.hint
    assert "meterbus.serial" not in sys.modules

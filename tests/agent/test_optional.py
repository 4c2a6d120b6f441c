"""What only some homes have: started and named where the configuration says so."""

import asyncio
from pathlib import Path

import pytest

from agent.firmware.installer import Installer
from agent.firmware.radio import RadioInstaller
from agent.optional import start_optional
from shared.jobs import Target
from tests.support.hubs import hub_in


def installers_of(folder: Path, radio_port: str) -> dict[Target, Installer]:
    """Start what these settings name; return what takes firmware then."""
    installers: dict[Target, Installer] = {}

    async def start() -> None:
        async with asyncio.TaskGroup() as group:
            assert not start_optional(
                group, hub_in(folder, update_radio_port=radio_port), installers
            )

    asyncio.run(start())
    return installers


@pytest.mark.parametrize(
    ("radio_port", "taking"), [("", {}), ("/dev/ttyUSB7", {Target.RADIO: RadioInstaller})]
)
def test_a_radio_takes_firmware_where_its_port_is_named(
    tmp_path: Path, radio_port: str, taking: dict[Target, type]
) -> None:
    """Elsewhere a job for one is told that there is none."""
    installers = installers_of(tmp_path, radio_port)

    assert {target: type(one) for target, one in installers.items()} == taking

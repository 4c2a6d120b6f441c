"""Backups of the log hold nothing of the hub's identity."""

import asyncio
from pathlib import Path

from agent.log import Log
from agent.provision.joining import join
from agent.upkeep.backup import back_up
from tests.support.fake_fleet import CLAIM, EnrollingCloud


def test_a_backup_holds_no_key(tmp_path: Path) -> None:
    """Whoever has the backup's file has the readings, and cannot speak as the hub."""
    cloud = EnrollingCloud()
    asyncio.run(join(cloud.tools(tmp_path), CLAIM))
    Log(tmp_path / "hub.sqlite").close()
    identity = cloud.tools(tmp_path).identity.current()
    assert identity is not None
    key = (identity.folder / "device.key").read_text().splitlines()[1]

    back_up(tmp_path / "hub.sqlite", tmp_path / "copy", lambda _done, _total: None)

    assert key.encode() not in (tmp_path / "copy").read_bytes()

"""The composition root: the hub serves, and stops its parts in order when it is told to."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from agent.app import build_hub, serve
from agent.demo.ports import free_port
from agent.log import Log
from agent.reserve import FULL_BELOW_BYTES, Reserve
from agent.transports import open_uplink
from agent.uplink.access import CloudAccess
from agent.uplink.kinds import UplinkKind
from agent.uplink.port import Channel
from shared.errors import OperatorError
from shared.units import MS_PER_MINUTE
from tests.support.hubs import config_in, simulated, sound_rows
from tests.support.mosquitto import Broker

PATIENCE_S = 60.0


async def status_line(port: int) -> bytes:
    """Ask for the page until it is there, and return the first line of the answer."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            line = await reader.readline()
            writer.close()
            return line


def test_it_serves_until_sigterm_and_keeps_what_it_read(tmp_path: Path) -> None:
    """Page and pipeline run together; SIGTERM commits what waits and ends both."""
    capture = tmp_path / "capture.p1"
    telegrams = list(simulated(10 * MS_PER_MINUTE))
    capture.write_bytes(b"".join(telegram for telegram, _ in telegrams))
    port = free_port()
    settings = {"meter_link": f"replay:{capture}", "hub_clock": "meter", "page_port": port}
    config = config_in(tmp_path / "state", log_commit_window_s=300, **settings)

    async def scenario() -> bytes:
        task = asyncio.create_task(serve(config))
        line = await status_line(port)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await task
        return line

    assert b" 200 " in asyncio.run(scenario())
    log = Log(config.database_path)
    rows = sum(len(sound_rows(log, meter_log)) for meter_log in log.all_logs())
    decoded = log.fact("telegrams_decoded")
    log.close()
    assert rows == sum(line.must_log for _, lines in telegrams for line in lines)
    assert decoded == str(len(telegrams)).encode()


def test_aws_without_its_library_is_an_operators_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever installed the hub alone is told what to install, not shown a traceback."""
    monkeypatch.setitem(sys.modules, "awscrt", None)
    monkeypatch.delitem(sys.modules, "agent.uplink.aws", raising=False)
    access = CloudAccess("localhost", 1, tmp_path, tmp_path, tmp_path)

    with pytest.raises(OperatorError, match="awscrt") as caught:
        open_uplink(UplinkKind.AWS, "hub", access)

    assert "[agent,aws]" in caught.value.hint


def test_a_hub_with_a_broker_has_a_session(tmp_path: Path) -> None:
    """The uplink is built from the configured certificates; bad receipts are quarantined."""
    broker = Broker(tmp_path)
    credentials = broker.issue("hub")
    hub = build_hub(
        config_in(
            tmp_path / "state",
            uplink_host="localhost",
            uplink_port=broker.port,
            uplink_ca_file=str(credentials.authority),
            uplink_certificate_file=str(credentials.certificate),
            uplink_key_file=str(credentials.key),
        )
    )
    assert hub.session is not None
    assert hub.uplink is not None

    hub.session._hooks.on_bad_input("bad-receipt", "not one", b"x")

    assert hub.intake.counts.refused_by_reason == {"bad-receipt": 1}
    assert hub.session._rules.clock_pieces() >= 0
    assert hub.session._hooks.utc_ms() > 0
    assert not hub.uplink.publish(Channel.HELLO, b"not connected")
    asyncio.run(hub.uplink.stop())
    hub.log.close()


@pytest.mark.parametrize("free_bytes", [0, FULL_BELOW_BYTES])
def test_a_full_disk_is_given_the_reserve_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int
) -> None:
    """Opening the log has to write; where there is room the reserve is left as it is."""
    config = config_in(tmp_path)
    reserve = Reserve(tmp_path)
    assert reserve.make()
    monkeypatch.setattr(Reserve, "free_bytes", lambda _self: free_bytes)

    hub = build_hub(config)

    assert reserve.is_there == (free_bytes > 0)
    hub.log.close()

"""The meter's link, looked at without touching it, and when the meter was last heard."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.demo.ports import free_port
from agent.doctor.check import Result
from agent.doctor.meter import (
    SUBMETER_STALE_MS,
    Heard,
    check_heard,
    check_link,
    check_links,
    judge_device,
    judge_heard,
)
from agent.doctor.reading import open_database
from firmware_bridge.links.devices import Device, lock_holders, probe_device
from shared.clock import DrivenClock
from shared.readings import Medium
from shared.units import MS_PER_HOUR, MS_PER_MINUTE
from tests.support.hubs import START_MS, TIMED, config_in, log_with

PORT = Path("/dev/ttyUSB0")
LOCKS = """\
1: FLOCK  ADVISORY  WRITE 4711 00:05:123 0 EOF
2: POSIX  ADVISORY  READ 99 08:01:456 128 128
2: -> POSIX  ADVISORY  WRITE 100 08:01:456 128 128
"""
GROUPED = Device(is_there=True, is_serial=True, group="dialout")
FREE = Device(is_there=True, is_serial=True, is_permitted=True, group="dialout")
HELD = Device(
    is_there=True, is_serial=True, is_permitted=True, group="dialout", holders=("cu (process 7)",)
)


@pytest.mark.parametrize(
    ("device", "hub_runs", "result", "words"),
    [
        (Device(is_there=False), False, Result.FAULT, "not there"),
        (Device(is_there=True), False, Result.FAULT, "no serial port"),
        (GROUPED, False, Result.FAULT, "may not open"),
        (FREE, False, Result.OK, "free"),
        (HELD, False, Result.WARNING, "in use by cu (process 7)"),
        (HELD, True, Result.OK, "in use by cu (process 7)"),
    ],
)
def test_a_serial_port_is_judged_by_what_is_seen(
    device: Device, hub_runs: bool, result: Result, words: str
) -> None:
    """Absent, another thing, forbidden, free, taken by another, taken by the hub."""
    check = judge_device(PORT, device, [], hub_runs=hub_runs)

    assert check.result is result
    assert words in check.finding


def test_a_forbidden_port_names_the_group_to_join() -> None:
    """The usual group is named even where the device belongs to root alone."""
    owned = Device(is_there=True, is_serial=True, group="root")

    assert "usermod -aG dialout" in judge_device(PORT, owned, [], hub_runs=False).fix
    assert "usermod -aG dialout" in judge_device(PORT, GROUPED, [], hub_runs=False).fix


def test_an_absent_port_names_those_there_are() -> None:
    """The name that stays the same is offered."""
    others = ["/dev/serial/by-id/usb-P1"]

    check = judge_device(PORT, Device(is_there=False), others, hub_runs=False)

    assert others[0] in check.fix


def test_who_locks_a_device_is_read_from_the_kernel() -> None:
    """Holders count, those who wait do not."""
    assert lock_holders(LOCKS, os.makedev(0, 5), 123) == {4711}
    assert lock_holders(LOCKS, os.makedev(8, 1), 456) == {99}


def test_a_port_held_by_another_process_is_seen_without_opening_it() -> None:
    """A program that reads the port is named with its number."""
    leader, follower = os.openpty()
    name = os.ttyname(follower)
    reader = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with (
        Path(name).open("rb", buffering=0) as opened,
        subprocess.Popen(
            reader, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[opened.fileno()]
        ) as process,
    ):
        assert process.stdout is not None
        process.stdout.readline()

        device = probe_device(Path(name))

        process.kill()
    os.close(leader)
    os.close(follower)

    assert device.is_serial
    assert any(str(process.pid) in holder for holder in device.holders)


def test_an_absent_device_is_seen(tmp_path: Path) -> None:
    """A pulled cable takes the device away."""
    assert not probe_device(tmp_path / "ttyUSB9").is_there


def test_a_capture_that_is_there_is_ok(tmp_path: Path) -> None:
    """A replay needs its file, and something in it."""
    capture = tmp_path / "capture"
    capture.write_bytes(b"/")
    config = config_in(tmp_path, meter_link=f"replay:{capture}")

    assert check_link(config.meters[0].link, hub_runs=False, is_heard=False).result is Result.OK

    capture.write_bytes(b"")
    assert check_link(config.meters[0].link, hub_runs=False, is_heard=False).result is Result.FAULT


def test_an_adapter_on_the_network_is_reached(tmp_path: Path) -> None:
    """A TCP link is tried while the hub does not hold it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        config = config_in(tmp_path, meter_link=address)

        check = check_link(config.meters[0].link, hub_runs=False, is_heard=False)

    assert check.result is Result.OK


def test_an_adapter_that_refuses_is_a_fault(tmp_path: Path) -> None:
    """Its finding says that the machine is there."""
    config = config_in(tmp_path, meter_link=f"tcp://127.0.0.1:{free_port()}")

    check = check_link(config.meters[0].link, hub_runs=True, is_heard=False)

    assert check.result is Result.FAULT
    assert "refused" in check.finding


def test_a_link_that_works_is_left_in_peace(tmp_path: Path) -> None:
    """An adapter that serves one client would drop the hub for a second one."""
    config = config_in(tmp_path, meter_link=f"tcp://127.0.0.1:{free_port()}")

    check = check_link(config.meters[0].link, hub_runs=True, is_heard=True)

    assert check.result is Result.OK


@pytest.mark.parametrize(
    ("heard", "hub_runs", "result"),
    [
        (Heard("M1", Medium.ELECTRICITY, 5_000), True, Result.OK),
        (Heard("M1", Medium.ELECTRICITY, 10 * MS_PER_MINUTE), True, Result.FAULT),
        (Heard("M1", Medium.ELECTRICITY, 10 * MS_PER_MINUTE), False, Result.WARNING),
        (Heard("M1", Medium.ELECTRICITY, None), True, Result.FAULT),
        (Heard("G1", Medium.GAS, MS_PER_HOUR), True, Result.OK),
        (Heard("G1", Medium.GAS, SUBMETER_STALE_MS + 1), True, Result.WARNING),
    ],
)
def test_a_silent_meter_is_a_fault_of_a_running_hub(
    tmp_path: Path, heard: Heard, hub_runs: bool, result: Result
) -> None:
    """Gas is heard hourly; a hub at rest hears nobody."""
    assert judge_heard([heard], config_in(tmp_path), hub_runs=hub_runs).result is result


def test_no_meter_at_all_is_a_fault_of_a_running_hub(tmp_path: Path) -> None:
    """Before the first telegram there is nothing to be late."""
    assert judge_heard([], config_in(tmp_path), hub_runs=True).result is Result.FAULT
    assert judge_heard([], config_in(tmp_path), hub_runs=False).result is Result.WARNING


def test_the_newest_row_is_dated_by_the_ledger(tmp_path: Path) -> None:
    """A row of an earlier boot is as old as the ledger says."""
    config = config_in(tmp_path, meter_link="/dev/ttyUSB0")
    log, _ = log_with(config.database_path, 60)
    log.boot_number("earlier")
    log.add_clock_piece(TIMED)
    clock = DrivenClock(START_MS + MS_PER_HOUR, "now")

    with open_database(config.database_path) as connection:
        check = check_heard(connection, config, clock, hub_runs=True)
    log.close()

    assert "M1 (electricity) 50 min ago" in check.finding


def test_the_newest_row_of_this_boot_needs_no_wall_time(tmp_path: Path) -> None:
    """The monotonic clock tells its age where the time was never learned."""
    config = config_in(tmp_path, meter_link="/dev/ttyUSB0")
    log, _ = log_with(config.database_path, 60)
    log.boot_number("this")
    clock = DrivenClock(630_000, "this")

    with open_database(config.database_path) as connection:
        check = check_heard(connection, config, clock, hub_runs=True)
    log.close()

    assert check.result is Result.OK
    assert "30 s ago" in check.finding


def test_a_replay_is_not_called_late(tmp_path: Path) -> None:
    """Its readings are as old as its capture."""
    config = config_in(tmp_path)
    log_with(config.database_path, 1)[0].close()

    with open_database(config.database_path) as connection:
        check = check_heard(connection, config, DrivenClock(START_MS), hub_runs=True)

    assert check.result is Result.OK


def test_a_serial_link_is_looked_at_by_its_path(tmp_path: Path) -> None:
    """The port that the configuration names is the one that is judged."""
    leader, follower = os.openpty()
    name = os.ttyname(follower)

    check = check_link(name, hub_runs=True, is_heard=True)
    os.close(leader)
    os.close(follower)

    assert check.result is Result.OK
    assert name in check.finding


def test_an_optical_head_is_judged_as_the_port_it_is_on(tmp_path: Path) -> None:
    """The way it is read is not part of its path."""
    config = config_in(tmp_path, meter_link="optical:/dev/is-not-there")

    check = check_link(config.meters[0].link, hub_runs=False, is_heard=False)

    assert check.finding == "/dev/is-not-there is not there"


def test_a_capture_played_at_a_speed_is_the_same_file(tmp_path: Path) -> None:
    """The speed is not part of its name."""
    capture = tmp_path / "c.p1"
    capture.write_bytes(b"/x")
    config = config_in(tmp_path, meter_link=f"replay:{capture}?speed=2")

    assert check_link(config.meters[0].link, hub_runs=False, is_heard=False).result is Result.OK


@pytest.mark.parametrize("form", ["tcp://{}", "mqtt://{}/glow/#", "mbus:tcp://{}?addresses=1"])
def test_every_link_on_the_network_is_tried(form: str) -> None:
    """An adapter, a broker or an M-Bus gateway is reached, or refuses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        answers = check_link(form.format(place), hub_runs=False, is_heard=False)
    refuses = check_link(form.format(place), hub_runs=False, is_heard=False)

    assert (answers.result, refuses.result) == (Result.OK, Result.FAULT)


@pytest.mark.parametrize("form", ["{}", "optical:{}", "mbus:{}?addresses=1", "zigbee:{}?radio=znp"])
def test_every_link_on_a_device_is_looked_for(form: str) -> None:
    """Whatever is asked of it, it is the device that may be absent."""
    check = check_link(form.format("/dev/is-not-there"), hub_runs=False, is_heard=False)

    assert check.result is Result.FAULT
    assert check.finding == "/dev/is-not-there is not there"


def test_several_links_are_several_checks(tmp_path: Path) -> None:
    """Each says which table it is of; one alone needs no number."""
    tables = [{"link": "/dev/is-not-there"}, {"link": "/dev/nor-this"}]

    one = check_links(config_in(tmp_path, meter=tables[:1]), hub_runs=False, is_heard=False)
    two = check_links(config_in(tmp_path, meter=tables), hub_runs=False, is_heard=False)

    assert [check.name for check in one + two] == ["meter link", "meter link 1", "meter link 2"]
    assert "nor-this" in two[1].finding

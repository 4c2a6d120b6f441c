"""A hub's way into the cloud with the real processes: broker, API, ingest and device service."""

import json
import time
from collections.abc import Iterator

import pytest

from agent.identity.folder import Identity, IdentityFolder
from agent.identity.keys import FileKeyStore
from firmware_bridge.simulator.p1_meter import telegrams
from tests.support.way import Way

HUB = "hub-in-the-hall"
START_MS = 1_772_323_200_000
FIRST_READING_S_MAX = 60.0
"""Generous for a busy machine; what it takes is printed, and measured by `make bench`."""


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """One cloud for every test here; each has a hub of its own."""
    with Way(tmp_path_factory.mktemp("way")) as made:
        made.start_devices()
        with (made.folder / "telegrams.p1").open("wb") as file:
            for telegram, _ in telegrams(1, START_MS, START_MS + 600_000):
                file.write(telegram)
        yield made


def identity_of(way: Way, name: str) -> Identity:
    """Read a hub's identity from its folder."""
    present = IdentityFolder(way.folder / name / "identity", FileKeyStore()).current()
    assert present is not None
    return present


def replay(way: Way) -> str:
    """Address what the hubs read."""
    return f"replay:{way.folder / 'telegrams.p1'}"


@pytest.mark.slow
def test_a_hub_joins_while_it_runs_by_the_command_beside_it(way: Way) -> None:
    """It reads without a cloud, is provisioned beside, and sends what it has without a restart."""
    way.start_newcomer("beside", replay(way))
    way.until(lambda: bool(way.held("beside")), "the hub reads without a cloud")
    began_s = time.monotonic()

    done = way.provision("beside", way.claim("beside"), "--json")
    way.until(lambda: way.count_stored("beside") > 0, "its first reading is stored")

    taken_s = time.monotonic() - began_s
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(f"\nclaim to first stored reading {taken_s:.1f} s; provisioning {told['total_ms']} ms")
    assert (told["thing"], identity_of(way, "beside").facts.name) == ("beside", "beside")
    assert taken_s < FIRST_READING_S_MAX
    assert way.stop("beside") == 0


@pytest.mark.slow
def test_a_hub_joins_by_a_file_on_the_boot_partition(way: Way) -> None:
    """The file is used and removed."""
    claim_file = way.folder / "boot-claim.txt"
    claim_file.write_text(f"# from the installer\n{way.claim('boot')}\n")

    way.start_newcomer("boot", replay(way))
    way.until(lambda: way.is_all_stored("boot"), "all it holds is stored")

    assert not claim_file.exists()
    assert way.stop("boot") == 0


@pytest.mark.slow
def test_a_used_claim_is_refused_to_another_hub(way: Way) -> None:
    """A replayed claim is told apart by its key; the first hub keeps what it has."""
    claim = way.claim("first")
    assert way.provision("first", claim).returncode == 0

    again = way.provision("second", claim)

    assert again.returncode == 2
    assert "redeemed with another key" in again.stderr
    assert not (way.folder / "second" / "identity" / "current").exists()


@pytest.mark.slow
def test_a_wrong_code_says_so(way: Way) -> None:
    """No route and no claim are different faults with different hints."""
    host = way.claim("typo").split("/")[0]

    wrong = way.provision("typo", f"{host}/00000-00000-00000-00000")
    away = way.provision("typo", "hearthlink:127.0.0.1:1/00000-00000-00000-00000")

    assert wrong.returncode == 2
    assert "no claim has this code" in wrong.stderr
    assert away.returncode == 1
    assert "127.0.0.1:1" in away.stderr


@pytest.mark.slow
def test_a_renewal_keeps_the_name_and_changes_the_key(way: Way) -> None:
    """The running hub follows within seconds, and goes on sending."""
    way.start_newcomer("renewing", replay(way))
    assert way.provision("renewing", way.claim("renewing")).returncode == 0
    way.until(lambda: way.is_all_stored("renewing"), "all it holds is stored")
    before = identity_of(way, "renewing").facts

    way.stop("renewing")
    done = way.provision("renewing", "--renew")

    assert done.returncode == 0, done.stderr
    after = identity_of(way, "renewing").facts
    assert after.name == before.name
    assert after.public_key_der != before.public_key_der


@pytest.mark.slow
def test_the_private_key_never_left_the_hub(way: Way) -> None:
    """No file of the cloud's, no log of anybody's holds it, and nobody else may read it."""
    assert way.provision("secret", way.claim("secret")).returncode == 0
    key = identity_of(way, "secret").folder / "device.key"
    secret = "".join(key.read_text().splitlines()[1:-1])[-40:].encode()

    holders = [
        path
        for path in way.folder.rglob("*")
        if path.is_file() and secret in path.read_bytes().replace(b"\n", b"")
    ]

    assert holders == [key]
    assert key.stat().st_mode & 0o077 == 0

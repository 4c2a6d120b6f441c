"""What the cloud may ask of the running hub, put together; and how the hub starts itself anew."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from agent import app, cli
from agent.app import assemble
from agent.config import Config, restart_command
from agent.governance import Governance
from agent.restarting import Restarting, become
from agent.update.slots import Trial
from tests.support.artefacts import first_slot
from tests.support.governing import until
from tests.support.hubs import START_MS, config_in, take, telegram

TRIAL = Trial("b", "a", "1.1.0", "job/1", was_answered=True, was_heard=True)


def config(folder: Path) -> Config:
    """A hub alone, whose page takes any port."""
    return config_in(folder / "state", page_port=0, hub_clock="meter", log_commit_window_s=0)


def test_a_program_on_trial_must_do_what_the_one_before_did(tmp_path: Path) -> None:
    """Commit, serve its page, understand its meters, be answered by its cloud."""
    assembly = assemble(config(tmp_path))
    governance, hub = assembly.governance, assembly.hub

    faults = asyncio.run(governance.find_faults(TRIAL))
    take(hub, [telegram(1_000, START_MS)])
    hub.liveness.expect("commit", 60)
    governance.page = ("127.0.0.1", 1)
    fewer = asyncio.run(governance.find_faults(TRIAL))

    assert faults == ["no commit yet", "no meter is understood", "the cloud has not answered"]
    assert fewer == ["the page does not answer", "the cloud has not answered"]
    assert asyncio.run(governance.find_faults(Trial("b", "a", "1.1.0", ""))) == fewer[:1]
    hub.log.close()


def test_what_is_watched_while_settings_are_on_probation(tmp_path: Path) -> None:
    """Commits that fail, parts that do not answer; and whether meters spoke lately is known."""
    assembly = assemble(config(tmp_path))
    governance, hub = assembly.governance, assembly.hub
    before = governance.ailments()

    hub.intake.counts.failed_commits += 1
    hub.liveness.expect("commit", -1)

    after = governance.ailments()
    worse = {what for what, count in after.items() if count > before[what]}
    assert worse == {"failed commits", "parts that do not answer"}
    assert governance.standing() == (False, False)
    take(hub, [telegram(1_000, START_MS)])
    assert governance.standing() == (False, True)
    hub.log.close()


def test_updates_may_lie_on_the_clouds_own_server(tmp_path: Path) -> None:
    """Its authority is believed beside those of the system."""
    assembly = assemble(config(tmp_path))
    governance = assembly.governance
    before = len(governance._open_context().get_ca_certs())
    authority = tmp_path / "authority.crt"
    authority.write_bytes(make_authority())

    governance.authority_file = lambda: authority

    assert len(governance._open_context().get_ca_certs()) == before + 1
    assembly.hub.log.close()


def make_authority() -> bytes:
    """Make a certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a cloud of one's own")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=3_650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def test_a_hub_in_a_slot_says_so(tmp_path: Path) -> None:
    """The slot is in its health; this test's program runs from none."""
    first_slot(tmp_path / "slots", "1.0.0")
    settings = config_in(tmp_path, update_slots_dir=str(tmp_path / "slots"))

    assembly = assemble(settings)

    assert isinstance(assembly.governance, Governance)
    assert assembly.governance.slots is not None
    assert assembly.hub.slot == ""
    assembly.hub.log.close()


def test_a_hub_that_is_asked_to_starts_itself_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops in order and says that it is to come back."""
    asked: list[Restarting] = []

    class Noted(Restarting):
        def __init__(self) -> None:
            super().__init__()
            asked.append(self)

    monkeypatch.setattr(app, "Restarting", Noted)
    settings = config_in(tmp_path, page_port=0, meter=[{"link": f"replay:{tmp_path / 'none'}"}])
    (tmp_path / "none").write_bytes(b"")

    async def scenario() -> bool:
        serving = asyncio.create_task(app.serve(settings))
        await until(lambda: bool(asked) and asked[0].stop.__name__ == "set")
        asked[0].ask("a job")
        return await serving

    assert asyncio.run(scenario())


def test_what_started_the_hub_starts_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slots' starter where there is one, else the same command; systemd does it itself."""
    became: list[list[str]] = []

    async def serve(_: Config) -> bool:
        return True

    monkeypatch.setattr(app, "serve", serve)
    monkeypatch.setattr(cli, "become", lambda command: became.append(list(command)))
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:none")
    monkeypatch.setenv("HEARTHLINK_HUB_STATE_DIR", str(tmp_path))

    assert cli.run([]) == 0
    monkeypatch.setenv("HEARTHLINK_STARTED_BY", '["/usr/bin/python3", "/usr/lib/start.py"]')
    assert cli.run([]) == 0
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    assert cli.run([]) == 0

    assert became == [
        [sys.executable, *sys.orig_argv[1:]],
        ["/usr/bin/python3", "/usr/lib/start.py"],
    ]


@pytest.mark.parametrize("written", ["", "{", "[]", "[1]", '"x"'])
def test_a_command_that_cannot_be_read_is_not_used(written: str) -> None:
    """Then it is the command this process was started with."""
    assert restart_command({"HEARTHLINK_STARTED_BY": written})[0] == sys.executable


def test_the_process_becomes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Number and terminal stay."""
    became: list[tuple[str, list[str]]] = []
    monkeypatch.setattr("os.execv", lambda path, words: became.append((path, words)))

    become(("/bin/true", "x"))

    assert became == [("/bin/true", ["/bin/true", "x"])]

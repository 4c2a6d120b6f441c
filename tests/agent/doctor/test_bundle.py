"""`hearthlink doctor --bundle`: results may be passed on, findings stay at home."""

from pathlib import Path

import msgspec
import pytest

from agent.diagnosis import Diagnosis
from agent.doctor import run
from shared.errors import OperatorError


@pytest.fixture(autouse=True)
def _hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTHLINK_HUB_STATE_DIR", str(tmp_path / "alice-at-home"))
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:kitchen")
    monkeypatch.setenv("HEARTHLINK_PAGE_PORT", "0")


def test_each_check_is_its_result_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Folders, addresses and serials are in the findings, which are printed and not written."""
    bundle = tmp_path / "bundle.json"

    run(["--bundle", str(bundle)])

    written = bundle.read_bytes()
    decoded = msgspec.json.decode(written, type=Diagnosis)
    assert decoded.checks["configuration"] == "ok"
    assert decoded.checks["state-folder"] in ("fault", "warning")
    assert "alice-at-home" in capsys.readouterr().out
    assert not [word for word in (b"alice", b"kitchen") if word in written]


def test_a_bundle_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """With the way out."""
    with pytest.raises(OperatorError, match="cannot be written"):
        run(["--bundle", str(tmp_path / "none" / "bundle.json")])

"""`hearthlink cloud tariffs`: what it reports, and that --dry-run writes nothing."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cloud.cli import run
from shared.errors import ConfigError, OperatorError
from tests.support.cost_stage import flat_offer, rates_page

AGILE = {
    "kind": "published-rates",
    "code": "AGILE-C",
    "name": "Agile",
    "standard_unit_rates": [
        rates_page(
            ("2026-03-01T00:00:00Z", "2026-03-01T12:00:00Z", 20.0),
            ("2026-03-01T13:00:00Z", "2026-03-02T00:00:00Z", 10.0),
        )
    ],
    "standing_charges": [rates_page(("2025-01-01T00:00:00Z", None, 60.0))],
}


class Shell:
    """The command on a database of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capsys = folder, capsys
        config = folder / "cloud.toml"
        config.write_text(f'state_dir = "{folder}"\nzone = "Europe/London"\n')
        self._config = ["--config", str(config)]

    def tariffs(self, *words: str) -> str:
        """Run `hearthlink cloud tariffs` and give what it printed."""
        assert run(["tariffs", *words, *self._config]) == 0
        return self._capsys.readouterr().out

    def import_(self, document: Any, *words: str) -> Any:
        """Import a document and give the report."""
        file = self._folder / "file.json"
        file.write_text(json.dumps(document))
        return json.loads(self.tariffs("import", str(file), "--json", *words))


@pytest.fixture(name="shell")
def _shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


def summary(report: Any) -> Sequence[Any]:
    """Shorten a report's only entry."""
    (one,) = report["tariffs"]
    keys = ("change", "prices_added", "prices_changed", "slots_without_price")
    return [one[key] for key in keys]


def test_dry_run_tells_all_and_writes_nothing(shell: Shell) -> None:
    """The same report twice, and an empty catalogue after it."""
    reports = [shell.import_(AGILE, "--dry-run") for _ in range(2)]

    assert [summary(one) for one in reports] == [["new", 46, 0, 2]] * 2
    assert reports[0]["dry_run"] is True
    assert json.loads(shell.tariffs("list", "--json")) == []


def test_import_again_changes_nothing(shell: Shell) -> None:
    """And says so; a list of offers likewise."""
    shell.import_(AGILE)

    again = shell.import_(AGILE)

    assert summary(again) == ["same", 0, 0, 2]
    assert "AGILE-C electricity since 2025-01-01: Agile\n1 tariffs" in shell.tariffs("list")


def test_late_rates_fill_the_gap_and_correct(shell: Shell) -> None:
    """One page, as a poller has it."""
    shell.import_(AGILE)
    page = rates_page(
        ("2026-03-01T11:30:00Z", "2026-03-01T12:00:00Z", 21.0),
        ("2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z", 15.0),
    )

    report = shell.import_(page, "--rates-of", "AGILE-C")

    assert summary(report) == ["same", 2, 1, 0]
    assert report["tariffs"][0]["prices_from"] == "2026-03-01T11:30:00Z"
    assert report["tariffs"][0]["prices_to"] == "2026-03-01T13:00:00Z"


def test_report_is_readable(shell: Shell, tmp_path: Path) -> None:
    """A line for each tariff, and whether it was written."""
    file = tmp_path / "list.json"
    file.write_text(json.dumps({"kind": "catalogue", "tariffs": [flat_offer("a", 1)]}))

    said = [shell.tariffs("import", str(file), *words) for words in (["--dry-run"], [])]

    assert said[0].endswith("1 tariffs: nothing was written (--dry-run)\n")
    assert said[1].startswith("a: new, 1 versions, 0 half-hourly prices added")
    assert said[1].endswith("1 tariffs: written\n")


def test_half_hourly_prices_of_an_own_list_are_kept_by_slot(shell: Shell) -> None:
    """A list's offer may carry them in its version."""
    offer = flat_offer("own", 1)
    prices = [100, None, 300]
    offer["tariff"]["versions"][0]["prices"] = {
        "kind": "half-hourly",
        "starts_at": "2026-03-01T00:00:00Z",
        "prices_millionths_per_kwh": prices,
    }

    report = shell.import_({"kind": "catalogue", "tariffs": [offer]})

    assert summary(report) == ["new", 2, 0, 1]


def test_what_cannot_be_imported_is_said(shell: Shell, tmp_path: Path) -> None:
    """A file that is not there, a tariff that is not there or not half-hourly, another medium."""
    shell.import_({"kind": "catalogue", "tariffs": [flat_offer("a", 1)]})
    page = rates_page(("2026-03-01T11:30:00Z", "2026-03-01T12:00:00Z", 21.0))

    with pytest.raises(OperatorError, match="cannot be read"):
        shell.tariffs("import", str(tmp_path / "none.json"))
    with pytest.raises(OperatorError, match="no file to import"):
        shell.tariffs("import")
    with pytest.raises(OperatorError, match="import the tariff first"):
        shell.import_(page, "--rates-of", "none")
    with pytest.raises(ConfigError, match="not half-hourly"):
        shell.import_(page, "--rates-of", "a")
    with pytest.raises(ConfigError, match="kept as electricity"):
        shell.import_({"kind": "catalogue", "tariffs": [flat_offer("a", 1, medium="gas")]})

"""The files the demo's hub reads: its configuration and its tariffs."""

import json
from pathlib import Path
from typing import Any, NamedTuple

TARIFFS: dict[str, dict[str, Any]] = {
    "electricity": {
        "name": "Demo day and night",
        "currency": "GBP",
        "versions": [
            {
                "version": "demo-1",
                "starts_on": "2010-01-01",
                "standing_millionths_per_day": 532_100,
                "vat_permille": 50,
                "prices": {
                    "kind": "time-of-use",
                    "base_name": "day",
                    "base_price_millionths_per_kwh": 276_800,
                    "bands": [
                        {
                            "name": "night",
                            "from_minute": 30,
                            "to_minute": 450,
                            "price_millionths_per_kwh": 132_400,
                        }
                    ],
                },
            }
        ],
    },
    "gas": {
        "name": "Demo gas",
        "currency": "GBP",
        "versions": [
            {
                "version": "demo-1",
                "starts_on": "2010-01-01",
                "standing_millionths_per_day": 298_800,
                "vat_permille": 50,
                "prices": {"kind": "flat", "price_millionths_per_kwh": 59_900},
            }
        ],
    },
}


CLAIM_NAME = "hearthlink-claim.txt"
"""Where the demo's hub finds its claim, as another does on its boot partition."""


class Displays(NamedTuple):
    """Where the hub's page and panel are, and which page may show its own; "" for none."""

    page_port: int
    panel_port: str = ""
    framed_by: str = ""


def write_hub_files(
    state: Path, claim: str, meters: list[dict[str, Any]], zone: str, displays: Displays
) -> Path:
    """Write the hub's files into the demo's folder; return the configuration's path.

    `claim` is what it joins the demo's cloud by; `meters` are its `[[meter]]` tables.
    """
    (state / CLAIM_NAME).write_text(f"{claim}\n")
    for medium, tariff in TARIFFS.items():
        (state / f"{medium}-tariff.json").write_text(json.dumps(tariff, indent=2))
    settings: dict[str, dict[str, Any]] = {
        "hub": {
            "state_dir": str(state / "hub"),
            "clock": "meter",
            "zone": zone,
        },
        "log": {"commit_window_s": 1},
        "uplink": {
            "frame_interval_s": 5,
            "backlog_frames_per_s": 100,
            "start_delay_s": 0,
        },
        "provision": {"claim_file": str(state / CLAIM_NAME)},
        "page": {
            "port": displays.page_port,
            "framed_by": [displays.framed_by] if displays.framed_by else [],
        },
        "panel": {"port": displays.panel_port},
        "consent": {"granularity": "live"},
        "tariff": {
            "electricity_file": str(state / "electricity-tariff.json"),
            "gas_file": str(state / "gas-tariff.json"),
        },
    }
    lines = [_table("[[meter]]", meter) for meter in meters]
    lines += [_table(f"[{section}]", values) for section, values in settings.items()]
    path = state / "hub.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def _table(head: str, values: dict[str, Any]) -> str:
    """Write a table of plain values; JSON's texts, numbers and truth values are TOML's."""
    return "\n".join([head, *(f"{key} = {json.dumps(value)}" for key, value in values.items())])

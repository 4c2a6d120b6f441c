"""What a home's meters count, in the words that the page and Home Assistant use alike. Pure."""

COUNTER_NAMES = {
    "import_mwh": "Electricity import",
    "export_mwh": "Electricity export",
    "gas_l": "Gas",
} | {
    f"{direction}_t{rate}_mwh": f"Electricity {direction} rate {rate}"
    for direction in ("import", "export")
    for rate in range(1, 5)
}
"""The counters that are shown, by register; reactive energy is for nobody's bill at home."""

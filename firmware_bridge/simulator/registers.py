"""What a display shows, in canonical registers: for meters that tell all of it. Pure."""

from firmware_bridge.simulator.household import Display


def displayed_registers(display: Display) -> dict[str, int]:
    """Return energy by tariff, power, and voltage and current of the one phase."""
    return {
        "import_t1_mwh": display.import_wh[0] * 1_000,
        "import_t2_mwh": display.import_wh[1] * 1_000,
        "export_t1_mwh": display.export_wh[0] * 1_000,
        "export_t2_mwh": display.export_wh[1] * 1_000,
        "power_import_w": max(0, display.power_w),
        "power_export_w": max(0, -display.power_w),
        "voltage_l1_mv": display.voltage_dv * 100,
        "current_l1_ma": display.current_ca * 10,
    }

"""The subcommands of `hearthlink` for meters' lines, and the module and function of each."""

COMMANDS = {
    "capture": "firmware_bridge.tools.capture:run",
    "decode": "firmware_bridge.tools.decode:run",
    "detect": "firmware_bridge.tools.detect:run",
    "simulate": "firmware_bridge.simulator.cli:run",
    "zigbee": "firmware_bridge.tools.zigbee:run",
}

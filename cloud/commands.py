"""The cloud's subcommands of `hearthlink`, and the module and function of each."""

COMMANDS = {
    "cloud": "cloud.cli:run",
    "fleet": "cloud.fleet.cli:run",
    "lake": "cloud.lake.cli:run",
}

"""The hub's subcommands of `hearthlink`, and the module and function of each."""

COMMANDS = {
    "demo": "agent.demo.cli:run",
    "doctor": "agent.doctor:run",
    "log": "agent.upkeep.cli:run",
    "panel": "agent.panel_command:run",
    "provision": "agent.provision_command:run",
    "run": "agent.cli:run",
    "tariff": "agent.tariff_import:run",
    "torture": "agent.torture.cli:run",
    "update": "agent.update.cli:run",
    "wipe": "agent.wipe_command:run",
}

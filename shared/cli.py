"""The `hearthlink` command: finds the subcommand in the packages' lists and hands over.

Each package lists its own subcommands in `commands.py`, as `module:function`; only the chosen one
is imported, so `--help` stays quick and a hub without the cloud extra lacks the cloud's. The
function takes the arguments after the subcommand and returns the exit status.

Entry points would do the same: to look through those of all that is installed takes 50 ms of every
start, and the library for it a megabyte of a hub's memory (measured).
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module

from shared.errors import ConfigError, HearthlinkError, OperatorError

PACKAGES = ("agent", "cloud", "firmware_bridge")
EXTRAS = {"cloud": "cloud"}
"""The extra that a package's commands need where it is not [agent]."""

Command = Callable[[Sequence[str]], int | None]

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit status: 0 done, 1 failed, 2 wrong use or settings."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    commands = find_commands()
    if not words or words[0] in ("-h", "--help"):
        print(_overview(commands))
        return EXIT_OK
    name = words[0]
    if name not in commands:
        print(f"hearthlink: no command {name!r}; run 'hearthlink --help'", file=sys.stderr)
        return EXIT_USAGE
    return _run(name, commands[name], words[1:])


def find_commands() -> dict[str, str]:
    """Collect the subcommands by name; a package that is not installed has none.

    Nor has one without a list, which an earlier release may have left beside this one.
    """
    found: dict[str, str] = {}
    for package in PACKAGES:
        place = f"{package}.commands"
        try:
            found |= import_module(place).COMMANDS
        except ModuleNotFoundError as error:
            if error.name not in (package, place):
                raise
    return found


def load_command(place: str) -> Command:
    """Import the function that a command's `module:function` names."""
    module, _, function = place.partition(":")
    command: Command = getattr(import_module(module), function)
    return command


def _run(name: str, place: str, words: list[str]) -> int:
    try:
        status = load_command(place)(words)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(place.partition(".")[0], "agent")
        print(
            f"hearthlink {name}: {error.name} is not installed; "
            f"install hearthlink with the extra that has it ([{extra}])",
            file=sys.stderr,
        )
        return EXIT_USAGE
    except ConfigError as error:
        print(f"hearthlink {name}: {error.message.split(': ')[0]}:", file=sys.stderr)
        for fault in error.faults:
            print(f"  {fault}", file=sys.stderr)
        return EXIT_USAGE
    except OperatorError as error:
        print(f"hearthlink {name}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except HearthlinkError as error:
        print(f"hearthlink {name}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_OK
    return int(status or 0)


def _overview(commands: Iterable[str]) -> str:
    lines = ["usage: hearthlink COMMAND [ARGUMENTS]", "", "commands installed here:"]
    lines += [f"  {name}" for name in sorted(commands)]
    lines += ["", "'hearthlink COMMAND --help' explains one."]
    return "\n".join(lines)

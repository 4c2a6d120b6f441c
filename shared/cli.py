"""The `hearthlink` command: finds the subcommand in the installed entry points and hands over.

Each package registers its own subcommands in the entry-point group `hearthlink.commands`; only the
chosen one is imported, so `--help` stays quick and a hub without the cloud extra lacks the cloud's.
An entry point's value is `module:function`; the function takes the arguments after the subcommand
and returns the exit status.
"""

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from shared.errors import ConfigError, HearthlinkError, OperatorError

GROUP = "hearthlink.commands"
EXTRAS = {"cloud": "cloud"}
"""The extra that a package's commands need where it is not [agent]."""

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit status: 0 done, 1 failed, 2 wrong use or settings."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    commands = {entry.name: entry for entry in entry_points(group=GROUP)}
    if not words or words[0] in ("-h", "--help"):
        print(_overview(commands))
        return EXIT_OK
    entry = commands.get(words[0])
    if entry is None:
        print(f"hearthlink: no command {words[0]!r}; run 'hearthlink --help'", file=sys.stderr)
        return EXIT_USAGE
    return _run(entry, words[1:])


def _run(entry: EntryPoint, words: list[str]) -> int:
    try:
        status = entry.load()(words)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(entry.value.split(".")[0], "agent")
        print(
            f"hearthlink {entry.name}: {error.name} is not installed; "
            f"install hearthlink with the extra that has it ([{extra}])",
            file=sys.stderr,
        )
        return EXIT_USAGE
    except ConfigError as error:
        print(f"hearthlink {entry.name}: {error.message.split(': ')[0]}:", file=sys.stderr)
        for fault in error.faults:
            print(f"  {fault}", file=sys.stderr)
        return EXIT_USAGE
    except OperatorError as error:
        print(f"hearthlink {entry.name}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except HearthlinkError as error:
        print(f"hearthlink {entry.name}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_OK
    return int(status or 0)


def _overview(commands: dict[str, EntryPoint]) -> str:
    lines = ["usage: hearthlink COMMAND [ARGUMENTS]", "", "commands installed here:"]
    lines += [f"  {name}" for name in sorted(commands)]
    lines += ["", "'hearthlink COMMAND --help' explains one."]
    return "\n".join(lines)

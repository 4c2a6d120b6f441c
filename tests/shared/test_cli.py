"""The command: finds its subcommand, and turns errors into words and an exit status."""

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from shared import cli
from shared.cli import Command
from shared.errors import ConfigError, HearthlinkError, LinkError, OperatorError


def install(
    monkeypatch: pytest.MonkeyPatch, commands: Mapping[str, Command], package: str = "agent"
) -> None:
    """Have only these commands, all in one package."""
    places = {name: f"{package}.{name}:run" for name in commands}
    functions = {places[name]: command for name, command in commands.items()}
    monkeypatch.setattr(cli, "find_commands", lambda: places)
    monkeypatch.setattr(cli, "load_command", functions.__getitem__)


def done(arguments: Sequence[str]) -> None:
    """Stand for a command that ends well."""


def raising(error: BaseException) -> Command:
    """Make a command that ends with an error."""

    def run(arguments: Sequence[str]) -> int:
        raise error

    return run


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_alone_it_lists_the_commands(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked for nothing, it says what is installed here, in order."""
    install(monkeypatch, {"run": done, "demo": done})

    status = cli.main(words)

    assert status == cli.EXIT_OK
    assert "  demo\n  run\n" in capsys.readouterr().out


def test_the_arguments_after_the_command_are_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sees its own arguments only, and its status is the process's."""
    seen: list[Sequence[str]] = []

    def run(arguments: Sequence[str]) -> int:
        seen.append(arguments)
        return 7

    install(monkeypatch, {"run": run})

    status = cli.main(["run", "--config", "hub.toml"])

    assert status == 7
    assert seen == [["--config", "hub.toml"]]


def test_it_reads_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments given, the process's own count; returning nothing is success."""
    install(monkeypatch, {"run": lambda arguments: None})
    monkeypatch.setattr(sys, "argv", ["hearthlink", "run"])

    assert cli.main() == cli.EXIT_OK


def test_an_unknown_command_is_wrong_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the word and says where to look."""
    install(monkeypatch, {})

    status = cli.main(["brew"])

    assert status == cli.EXIT_USAGE
    assert "no command 'brew'; run 'hearthlink --help'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperatorError("port 1 is taken", hint="use --port"), cli.EXIT_USAGE),
        (LinkError("the port is gone"), cli.EXIT_FAILED),
        (HearthlinkError("it failed"), cli.EXIT_FAILED),
    ],
)
def test_an_error_becomes_a_line_and_a_status(
    error: HearthlinkError,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a person must mend is wrong use; everything else failed. No traceback."""
    install(monkeypatch, {"run": raising(error)})

    assert cli.main(["run"]) == status
    assert capsys.readouterr().err == f"hearthlink run: {error}\n"


def test_every_fault_of_a_configuration_has_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All faults at once, and exit 2."""
    error = ConfigError("hub.toml", ["a = 1: use 2", "b = 3: use 4"])
    install(monkeypatch, {"run": raising(error)})

    status = cli.main(["run"])

    assert status == cli.EXIT_USAGE
    assert capsys.readouterr().err == (
        "hearthlink run: hub.toml:\n  a = 1: use 2\n  b = 3: use 4\n"
    )


@pytest.mark.parametrize(
    ("package", "extra"),
    [("agent", "agent"), ("cloud.fleet", "cloud"), ("firmware_bridge.tools", "agent")],
)
def test_a_library_that_is_lacking_names_its_extra(
    package: str,
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A hub without the cloud's libraries says how to get them, by an extra that exists."""
    error = ModuleNotFoundError("No module named 'serial'", name="serial")
    install(monkeypatch, {"run": raising(error)}, package)

    status = cli.main(["run"])

    assert status == cli.EXIT_USAGE
    assert (
        f"serial is not installed; install hearthlink with the extra that has it ([{extra}])"
        in (capsys.readouterr().err)
    )


def test_a_key_press_to_stop_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is the ordinary way out of a command that runs for ever."""
    install(monkeypatch, {"run": raising(KeyboardInterrupt())})

    assert cli.main(["run"]) == cli.EXIT_OK


def test_every_command_that_is_listed_is_there() -> None:
    """Each package's list names functions that exist, and no name twice."""
    listed = [
        name
        for package in cli.PACKAGES
        for name in importlib.import_module(f"{package}.commands").COMMANDS
    ]

    functions = [cli.load_command(place) for place in cli.find_commands().values()]

    assert sorted(cli.find_commands()) == sorted(listed)
    assert all(callable(function) for function in functions)


def test_a_package_that_is_not_installed_lists_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub may be installed without the cloud's package."""
    monkeypatch.setattr(cli, "PACKAGES", ("firmware_bridge", "no_such_package"))

    assert set(cli.find_commands()) == {"capture", "decode", "detect", "simulate", "zigbee"}


def test_a_package_without_a_list_has_no_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of an earlier release may lie beside this one where slots are used."""
    monkeypatch.setattr(cli, "PACKAGES", ("cloud", "shared"))

    assert set(cli.find_commands()) == {"cloud", "fleet", "lake"}


def test_a_list_that_cannot_be_loaded_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its commands would be gone without a word."""
    (tmp_path / "broken_package").mkdir()
    (tmp_path / "broken_package" / "commands.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(cli, "PACKAGES", ("broken_package",))

    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        cli.find_commands()

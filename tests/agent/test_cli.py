"""The agent's commands, in this process."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent import app, cli
from agent.app import listen
from agent.ntp import TIME_ERROR, clock_error_ms
from shared.errors import OperatorError


def config_file(directory: Path) -> Path:
    path = directory / "hub.toml"
    path.write_text(f'[hub]\nstate_dir = "{directory}"\n[meter]\nlink = "replay:none"\n')
    return path


def test_run_hands_its_configuration_to_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run` reads the file and serves until it is told to stop."""
    served: list[str] = []

    async def serve(config: Any) -> None:
        await asyncio.sleep(0)
        served.append(config.meters[0].link)

    monkeypatch.setattr(app, "serve", serve)

    assert cli.run(["--config", str(config_file(tmp_path))]) == 0
    assert served == ["replay:none"]


def test_what_a_person_must_change_comes_out_of_the_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's error inside a group of tasks is raised as itself, however deep."""

    async def serve(_config: Any) -> None:
        await asyncio.sleep(0)
        inner = ExceptionGroup("inner", [OperatorError("no such capture", hint="give one")])
        raise ExceptionGroup("outer", [inner, ValueError("beside it")])

    monkeypatch.setattr(app, "serve", serve)

    with pytest.raises(OperatorError, match="no such capture"):
        cli.run(["--config", str(config_file(tmp_path))])


def test_any_other_error_of_a_task_is_raised_as_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the program is not dressed up as the household's."""

    async def serve(_config: Any) -> None:
        await asyncio.sleep(0)
        raise ExceptionGroup("tasks", [ValueError("a fault")])

    monkeypatch.setattr(app, "serve", serve)

    with pytest.raises(ExceptionGroup):
        cli.run(["--config", str(config_file(tmp_path))])


def test_the_kernel_bounds_its_clocks_error_or_has_none() -> None:
    """adjtimex is asked; an undisciplined clock has no bound."""
    error_ms = clock_error_ms()

    assert error_ms is None or error_ms >= 0


@pytest.mark.parametrize(("state", "expected"), [(-1, None), (TIME_ERROR, None), (0, 0)])
def test_a_clock_that_is_not_disciplined_has_no_bound(
    state: int, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unsynchronised, or a kernel that will not say: None; else the kernel's own bound."""

    class Libc:
        """A C library whose adjtimex(2) says what the test wants."""

        def adjtimex(self, _timex: object) -> int:
            """Answer with a state, and a maxerror of 0."""
            return state

    monkeypatch.setattr("ctypes.CDLL", lambda *_args, **_options: Libc())

    assert clock_error_ms() == expected


def test_a_port_in_use_is_an_operators_error() -> None:
    """The address is named, and how to choose another."""
    first = listen("127.0.0.1", 0)
    first.listen()

    with pytest.raises(OperatorError, match="cannot listen") as caught:
        listen("127.0.0.1", first.getsockname()[1])

    assert "page.port" in caught.value.hint
    first.close()


def test_the_page_listens_on_ipv6_too() -> None:
    """An address with colons is one of the newer kind."""
    listener = listen("::1", 0)

    assert listener.getsockname()[0] == "::1"
    listener.close()

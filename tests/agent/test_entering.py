"""A package that is entered: its modules can be imported, and it is run when it is asked."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest

from agent.entering import LeftOut, enter, leave_out

NAME = "a_package_to_be_entered"


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package that says when it is run, with a module that asks it for a name when called."""
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "__init__.py").write_text("import sys\nsys.stderr.write('it runs. ')\nSIZE = 7\n")
    (folder / "part.py").write_text(f"import {NAME}\n\n\ndef size():\n    return {NAME}.SIZE\n")
    (folder / "base.py").write_text("class Base:\n    size = 8\n")
    (folder / "user.py").write_text(
        f"from {NAME}.base import Base\n\n\nclass Own: ...\n\n\nclass Derived(Own, Base): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def test_its_modules_are_imported_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    """What the package itself would bring along is left out."""
    enter(NAME)

    import_module(f"{NAME}.part")

    assert capsys.readouterr().err == ""


def test_it_is_run_once_it_is_asked_for_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    """By whoever asks, and once."""
    enter(NAME)
    part = import_module(f"{NAME}.part")

    assert (part.size(), part.size()) == (7, 7)
    assert capsys.readouterr().err == "it runs. "


def test_a_module_of_a_package_can_be_entered_too() -> None:
    """It is found where an import of it is looked for: in its package."""
    part = enter(f"{NAME}.part")

    package = import_module(NAME)
    assert package.part is part
    assert "size" not in vars(part)
    assert package.part.size() == 7


def test_it_lacks_what_it_always_lacked() -> None:
    """After it was run, a name that it has not got is an error as ever."""
    package = enter(NAME)

    for _ in range(2):
        with pytest.raises(AttributeError, match="nothing"):
            _ = package.nothing


def test_one_that_is_loaded_is_taken_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody has had a use for it before."""
    loaded = import_module(NAME)
    capsys.readouterr()

    assert enter(NAME) is loaded
    assert enter(NAME).SIZE == 7
    assert capsys.readouterr().err == ""


def test_one_that_is_not_installed_is_told_by_its_name() -> None:
    """As an import would."""
    with pytest.raises(ModuleNotFoundError) as caught:
        enter("no_such_package")

    assert caught.value.name == "no_such_package"


def test_a_thread_that_asks_while_it_is_run_waits_for_all_of_it(tmp_path: Path) -> None:
    """It finds the last of its names, however early it asks."""
    source = "import threading\nbegun, go = threading.Event(), threading.Event()\n"
    source += "begun.set()\nassert go.wait(10)\nLAST = 9\n"
    (tmp_path / NAME / "slow.py").write_text(source)
    slow = enter(f"{NAME}.slow")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(getattr, slow, "LAST")
        while "begun" not in vars(slow) or not slow.begun.is_set():
            time.sleep(0.001)
        second = threads.submit(getattr, slow, "LAST")
        vars(slow)["go"].set()

        assert (first.result(), second.result()) == (9, 9)


def test_one_that_asks_itself_while_it_is_run_is_told_that_it_is_not_there_yet(
    tmp_path: Path,
) -> None:
    """As where two modules import one another; afterwards it is."""
    source = f"import {NAME}.round\nfound = hasattr({NAME}.round, 'LAST')\nLAST = 9\n"
    (tmp_path / NAME / "round.py").write_text(source)
    asked = enter(f"{NAME}.round")

    assert asked.LAST == 9
    assert asked.found is False


def test_one_that_fails_is_tried_again_by_who_asks_next(tmp_path: Path) -> None:
    """What it needs may be there then; the error is its own."""
    (tmp_path / NAME / "lacking.py").write_text(f"from {NAME}.late import SIZE\n")
    lacking = enter(f"{NAME}.lacking")

    with pytest.raises(ModuleNotFoundError, match="late"):
        _ = lacking.SIZE
    (tmp_path / NAME / "late.py").write_text("SIZE = 5\n")
    invalidate_caches()

    assert lacking.SIZE == 5


def test_one_that_answers_for_names_itself_goes_on_to(tmp_path: Path) -> None:
    """Once it is run, who asks for a name asks the module's own answer."""
    (tmp_path / NAME / "own.py").write_text("def __getattr__(name):\n    return name.upper()\n")
    own = enter(f"{NAME}.own")

    assert (own.first, own.second) == ("FIRST", "SECOND")


def test_what_is_left_out_can_be_named_and_derived_from() -> None:
    """By a module that builds something on it which nobody here uses."""
    with leave_out(f"{NAME}.base"):
        user = import_module(f"{NAME}.user")

    assert issubclass(user.Derived, LeftOut)
    assert f"{NAME}.base" not in sys.modules


def test_nothing_is_made_of_what_was_left_out() -> None:
    """It is refused by name, rather than made by halves."""
    with leave_out(f"{NAME}.base"):
        user = import_module(f"{NAME}.user")

    with pytest.raises(ImportError, match=rf"{NAME}\.base\.Base was left out"):
        user.Base()
    with pytest.raises(ImportError, match=r"Derived was left out"):
        user.Derived()


def test_what_was_left_out_is_whole_afterwards() -> None:
    """For whoever imports it then."""
    with leave_out(f"{NAME}.base"):
        import_module(f"{NAME}.user")

    assert import_module(f"{NAME}.base").Base.size == 8


def test_one_that_is_loaded_already_is_not_left_out() -> None:
    """Nor is it unloaded."""
    base = import_module(f"{NAME}.base")

    with leave_out(f"{NAME}.base"):
        user = import_module(f"{NAME}.user")

    assert user.Base is base.Base
    assert sys.modules[f"{NAME}.base"] is base
    assert user.Derived().size == 8


def test_an_import_that_fails_leaves_no_stand_in_behind() -> None:
    """The error is told as it is."""
    with (
        pytest.raises(ModuleNotFoundError, match="no_such_part"),
        leave_out(f"{NAME}.base", "another_that_is_left_out"),
    ):
        import_module(f"{NAME}.no_such_part")

    assert not {f"{NAME}.base", "another_that_is_left_out"} & set(sys.modules)


def test_a_stand_in_has_no_name_that_python_looks_for() -> None:
    """A module with a path would be a package, and one with a file be read from it."""
    with leave_out("a_module_that_is_left_out"):
        stand_in = import_module("a_module_that_is_left_out")

        assert not hasattr(stand_in, "__path__")
        assert not hasattr(stand_in, "__file__")

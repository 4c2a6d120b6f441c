"""Enters a module without running it: what a library brings along unasked is left out of memory.

Only for packages and modules that are large and of which nothing is asked at first. Somebody who
asks one for a name runs it then, and finds it whole. Where the library takes a name out of one
while it is imported itself, to build what nobody here uses, a stand-in takes its place meanwhile.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Self


class LeftOut:
    """Stands for a class or function of a module that is left out: it can be named and derived."""

    def __new__(cls, *_arguments: object, **_named: object) -> Self:
        """Raise ImportError: nobody can make one, nor one of what is derived from it."""
        raise ImportError(f"{cls.__module__}.{cls.__name__} was left out of memory")


def enter(name: str) -> ModuleType:
    """Let a module be imported without running it; of a package, the modules in it as well.

    One that is loaded already is taken as it is. Raises ModuleNotFoundError where there is none.
    """
    if name in sys.modules:
        return sys.modules[name]
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module = module_from_spec(spec)
    module.__dict__["__getattr__"] = _Entered(module, spec.loader.exec_module)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    return module


class _Entered:
    """Asked for the names that a module has not got yet: it runs the module for the first of them.

    Another thread that asks meanwhile waits until the module is whole.
    """

    def __init__(self, module: ModuleType, run: Callable[[ModuleType], None]) -> None:
        self._module = module
        self._run = run
        self._lock = RLock()
        self._is_running = False

    def __call__(self, wanted: str) -> object:
        """Return what the module has under a name; raises AttributeError."""
        names = self._module.__dict__
        with self._lock:
            if self._is_running:
                # The module asks itself for a name while it is run, or what it imports asks it.
                raise AttributeError(f"module {self._module.__name__!r} has no {wanted!r} yet")
            if names.get("__getattr__") is self:
                self._run_now()
        return getattr(self._module, wanted)

    def _run_now(self) -> None:
        """Run it after all; one that fails is tried again by whoever asks next."""
        self._is_running = True
        try:
            self._run(self._module)
        finally:
            self._is_running = False
        # A module may have an answer of its own for names that it has not got.
        if self._module.__dict__.get("__getattr__") is self:
            del self._module.__dict__["__getattr__"]


@contextmanager
def leave_out(*names: str) -> Iterator[None]:
    """Let what is imported meanwhile find stand-ins for some modules, whose every name is LeftOut.

    Afterwards whoever imports them has them whole; one that is loaded already is taken as it is.
    Only for modules that no other thread imports in the same moment.
    """
    stand_ins = {name: _stand_in(name) for name in names if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)


def _stand_in(name: str) -> ModuleType:
    module = ModuleType(name)

    def stand_for(wanted: str) -> type[LeftOut]:
        """Make a class for any name but those that Python itself looks for."""
        if wanted.startswith("__"):
            raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
        return type(wanted, (LeftOut,), {"__module__": name})

    module.__dict__["__getattr__"] = stand_for
    return module

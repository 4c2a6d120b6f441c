"""Enters a package without running it: what a library brings along unasked is left out of memory.

Only for packages that are large and of which nothing is asked at first. Somebody who asks one for a
name runs it then, and finds it whole.
"""

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType


def enter(name: str) -> ModuleType:
    """Let a package be imported, and modules of it, without running the package itself.

    One that is loaded already is taken as it is. Raises ModuleNotFoundError where there is none.
    """
    if name in sys.modules:
        return sys.modules[name]
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    package, loader = module_from_spec(spec), spec.loader

    def run(wanted: str) -> object:
        """Run it after all, for what it has not got yet."""
        if package.__dict__.pop("__getattr__", None) is None:
            raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
        loader.exec_module(package)
        return getattr(package, wanted)

    package.__dict__["__getattr__"] = run
    sys.modules[name] = package
    return package

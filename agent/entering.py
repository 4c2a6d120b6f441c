"""Enters a module without running it: what a library brings along unasked is left out of memory.

Only for packages and modules that are large and of which nothing is asked at first. Somebody who
asks one for a name runs it then, and finds it whole.
"""

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType


def enter(name: str) -> ModuleType:
    """Let a module be imported without running it; of a package, the modules in it as well.

    One that is loaded already is taken as it is. Raises ModuleNotFoundError where there is none.
    """
    if name in sys.modules:
        return sys.modules[name]
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module, loader = module_from_spec(spec), spec.loader

    def run(wanted: str) -> object:
        """Run it after all, for what it has not got yet."""
        if module.__dict__.pop("__getattr__", None) is None:
            raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
        loader.exec_module(module)
        return getattr(module, wanted)

    module.__dict__["__getattr__"] = run
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
    return module

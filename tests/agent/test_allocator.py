"""The allocator: glibc takes what it is told, and nothing else is asked."""

import os

import pytest

from agent.allocator import is_glibc, spare_memory


def test_glibc_takes_it() -> None:
    """Every setting is one that it knows."""
    assert spare_memory() == is_glibc()


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Musl has no such name and no such call; the hub runs there as it is."""

    def confstr(name: str) -> str:
        raise ValueError(name)

    monkeypatch.setattr(os, "confstr", confstr)

    assert not spare_memory()

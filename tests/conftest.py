"""How tests are judged, timed and dealt out, and where their clouds keep rows.

`pytest --store postgresql` runs every test that has a cloud on PostgreSQL; without it those that
ask for `either_store` run on both.
"""

from collections.abc import Iterator

import pytest
from hypothesis import is_hypothesis_test, settings

from tests.support.stores import STORES, keep_on, kept_on

# By what comes out, never by how long it took.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run choose the store."""
    parser.addoption("--store", choices=STORES, help="where every test's cloud keeps its rows")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the clouds that many tests share on the chosen store too."""
    keep_on(config.getoption("--store") or "sqlite")


@pytest.fixture(params=STORES)
def either_store(request: pytest.FixtureRequest) -> str:
    """Run the test on SQLite and on PostgreSQL; gives which."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _store_of_clouds(request: pytest.FixtureRequest) -> Iterator[None]:
    store = request.config.getoption("--store") or "sqlite"
    if "either_store" in request.fixturenames:
        store = request.getfixturevalue("either_store")
    with kept_on(store):
        yield


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Measure coverage by single examples alone, and let each worker begin with what takes long.

    Properties and whole processes repeat what examples cover, and being traced takes them thrice
    as long.
    """
    for item in items:
        if is_slow(item) or is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("no_cover")
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = dealt(items, workers)


def is_slow(item: pytest.Item) -> bool:
    """Tell whether a test starts processes or a browser."""
    return item.get_closest_marker("slow") is not None


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Order tests such that each worker's share of them, all in a row, begins with slow modules.

    Tests of one module stay together: they share what they start.
    """
    slow_paths = dict.fromkeys(item.path for item in items if is_slow(item))
    rest = [item for item in items if item.path not in slow_paths]
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for number, path in enumerate(slow_paths):
        shares[number % workers] += [item for item in items if item.path == path]
    size = len(items) // workers
    for share in shares[:-1]:
        room = max(0, size - len(share))
        share.extend(rest[:room])
        rest = rest[room:]
    shares[-1] += rest
    return [item for share in shares for item in share]

"""How hypothesis judges in every test, by what comes out and never by how long it took; and stores.

`pytest --store postgresql` runs every test of the cloud on PostgreSQL; without it those that ask
for `either_store` run on both.
"""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.stores import STORES, kept_on

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run choose the store."""
    parser.addoption("--store", choices=STORES, help="where every test's cloud keeps its rows")


@pytest.fixture(params=STORES)
def either_store(request: pytest.FixtureRequest) -> str:
    """Run the test on SQLite and on PostgreSQL; gives which."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _store_of_clouds(request: pytest.FixtureRequest) -> Iterator[None]:
    asked = request.config.getoption("--store") or "sqlite"
    store = (
        request.getfixturevalue("either_store") if "either_store" in request.fixturenames else asked
    )
    with kept_on(store):
        yield

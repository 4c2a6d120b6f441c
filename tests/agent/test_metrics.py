"""The hub's metrics: named by Prometheus's conventions, each once, and all of them listed."""

import re

import pytest

from agent import metrics
from agent.metrics import METRICS
from shared.exposition import Kind, Metric


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    """One prefix; counters end in _total, nothing else does; base units; a sentence of help."""
    assert re.fullmatch(r"hearthlink_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert not re.search(r"_(ms|kb|mb|minutes|hours|days)(_|$)", metric.name)
    assert metric.help.endswith(".")
    assert "\n" not in metric.help


def test_no_name_is_given_twice() -> None:
    """Prometheus would drop the whole answer."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_every_metric_that_is_defined_is_listed() -> None:
    """What is not in METRICS would never be written."""
    defined = {value for value in vars(metrics).values() if isinstance(value, Metric)}

    assert defined == set(METRICS)

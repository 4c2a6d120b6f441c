"""The device service's counters as Prometheus reads them."""

import re
import urllib.error
import urllib.request
from collections import Counter

import pytest

from agent.demo.ports import free_port
from cloud.fleet.metrics import ANSWERS, EVENTS, LEADING, METRICS, QUEUED, copy_of, measure, serving
from shared.exposition import Kind


def test_counters_are_written_in_the_text_format() -> None:
    """Each metric has its meaning and kind; what is no plain name cannot break a line."""
    told = measure(
        {"answered": 3, 'x"}\n': 1}, {"CsrAccepted": 2}, is_leading=True, queued=4
    ).decode()

    assert f'{EVENTS.name}{{event="answered"}} 3' in told
    assert rf'{EVENTS.name}{{event="x\"}}\n"}} 1' in told
    assert f'{ANSWERS.name}{{answer="CsrAccepted"}} 2' in told
    assert f"{LEADING.name} 1\n" in told
    assert f"{QUEUED.name} 4\n" in told
    assert told.count("# TYPE") == told.count("# HELP") == 4


def test_names_follow_the_conventions() -> None:
    """The hub's too: a prefix for the service, `_total` where it only counts up."""
    for metric in METRICS:
        assert re.fullmatch(r"hearthlink_devices_[a-z]+(_total)?", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert metric.help.endswith(".")


def test_counters_are_served_on_loopback_and_nothing_else_is() -> None:
    """As they are at that moment; port 0 serves nothing."""
    counts = Counter({"answered": 1})

    with serving(
        free_port(), lambda: measure(copy_of(counts), {}, is_leading=False, queued=0)
    ) as port:
        first = _read(port, "/metrics")
        counts["answered"] += 1
        second = _read(port, "/metrics")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            _read(port, "/")
    with serving(0, lambda: b"") as nowhere:
        assert nowhere == 0

    assert 'event="answered"} 1' in first
    assert 'event="answered"} 2' in second


def _read(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return str(answer.read().decode())

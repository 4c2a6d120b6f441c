"""Prometheus's text format: what a metric is, and how numbers are written down. Pure.

Names and units follow Prometheus's conventions (base units, `_total` for what only counts up);
counters begin anew with the process. The format is the exposition format, version 0.0.4.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Kind(enum.StrEnum):
    """What a number may do: only count up, or go either way."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Metric(NamedTuple):
    """One metric, with its labels' names."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


class Measured(NamedTuple):
    """One number of a metric, with its labels' values in the order of their names."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()


def counter(name: str, help_: str, *labels: str) -> Metric:
    """Name what only counts up; `name` is without our prefix and `_total`."""
    return Metric(f"hearthlink_{name}_total", Kind.COUNTER, help_, labels)


def gauge(name: str, help_: str, *labels: str) -> Metric:
    """Name what goes either way; `name` is without our prefix."""
    return Metric(f"hearthlink_{name}", Kind.GAUGE, help_, labels)


def render(metrics: Sequence[Metric], measured: Iterable[Measured]) -> bytes:
    """Write the numbers down in the order of the metrics, each one's below its meaning and kind.

    A metric without a number is left out, and so is a number whose metric is none of them.
    """
    by_metric: dict[str, list[Measured]] = {}
    for one in measured:
        by_metric.setdefault(one.metric.name, []).append(one)
    lines: list[str] = []
    for metric in metrics:
        found = by_metric.get(metric.name)
        if found:
            lines.append(f"# HELP {metric.name} {metric.help}")
            lines.append(f"# TYPE {metric.name} {metric.kind}")
            lines += [_line(one) for one in found]
    return "\n".join([*lines, ""]).encode()


def _line(one: Measured) -> str:
    labels = dict(zip(one.metric.labels, one.labels, strict=True))
    return f"{one.metric.name}{_braced(labels)} {one.value:.15g}"


def _braced(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

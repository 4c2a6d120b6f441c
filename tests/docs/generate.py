"""Write docs/reference/ from the code: `python -m tests.docs.generate`, or `make reference`.

Owns the pages topics, registers, commands, settings, metrics and problems, and writes those of
home_assistant.py, openapi.py and panel_vectors.py too; the other pages of that folder are written
by hand. It runs no command: each one is stopped as soon as it asks for its arguments.
"""

import argparse
import ast
import importlib
import inspect
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from agent.metrics import METRICS
from cloud.fleet.metrics import METRICS as DEVICE_METRICS
from cloud.problems import KINDS, URN
from shared import cli, topics
from shared.exposition import Metric
from shared.readings import REGISTERS
from tests.docs.home_assistant import home_assistant_page
from tests.docs.openapi import openapi_page
from tests.docs.panel_vectors import vectors_page

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
SETTINGS_MODULES = {"The hub": "agent.config", "The cloud": "cloud.settings"}
PACKAGES = ("agent", "cloud", "firmware_bridge", "shared")
WITHIN = {"simulate": ("firmware_bridge.simulator.panel_cli",)}
"""Modules of the commands that stand within another, by that one's name."""

MADE_BY = "<!-- Written by `make reference` from the code; change it there. -->"
SAMPLES = {
    "thing": "<thing>",
    "shadow": "<name>",
    "prefix": "",
    "job_id": "<job>",
    "template": "<template>",
}


PROBLEM_MAKERS = ("ProblemError", "problem_response")


class ParserAskedError(Exception):
    """A command reached its argument parser, which is all that is wanted of it."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__(parser.prog)
        self.parser = parser


def render_pages() -> dict[str, str]:
    """Render every generated page, by file name."""
    return {
        "commands.md": commands_page(),
        "home-assistant.md": home_assistant_page(MADE_BY),
        "metrics.md": metrics_page(),
        "openapi.json": openapi_page(),
        "panel-vectors.json": vectors_page(),
        "problems.md": problems_page(),
        "registers.md": registers_page(),
        "settings.md": settings_page(),
        "topics.md": topics_page(),
    }


def topics_page() -> str:
    """Render a row for each topic that shared/topics.py can spell."""
    lines = _head(
        "MQTT topics",
        "`<thing>` is a hub's name, which its certificate carries too; the broker lets a hub use "
        "only its own. [protocol.md](protocol.md) describes what they carry, "
        "[frame.md](frame.md) the frames.",
        ("topic", "what for"),
    )
    lines += [f"| `{topic}` | {purpose} |" for topic, purpose in topic_rows()]
    return _page(lines)


def topic_rows() -> list[tuple[str, str]]:
    """List each topic with its purpose, from the functions whose first parameter is a thing."""
    rows = []
    for name, function in inspect.getmembers(topics, inspect.isfunction):
        parameters = list(inspect.signature(function).parameters)
        is_topic = parameters[:1] in (["thing"], ["template"]) and not name.startswith("check")
        if is_topic:
            values = [SAMPLES[parameter] for parameter in parameters]
            made = function(*values)
            if isinstance(made, str):
                rows.append((made, _summary(function)))
    return sorted(rows)


def registers_page() -> str:
    """Render a row for each canonical register."""
    lines = _head(
        "Registers",
        "The names every part uses for what a meter reports. The unit is the last part of the "
        "name; values are integers. A counter only ever counts up, apart from a wrap.",
        ("register", "unit", "counter", "medium"),
    )
    for kind in REGISTERS.values():
        counter, medium = "yes" if kind.is_counter else "no", kind.medium or "any"
        lines.append(f"| `{kind.name}` | {kind.unit} | {counter} | {medium} |")
    return _page(lines)


def metrics_page() -> str:
    """Render a row for each metric, in the order of each `/metrics`."""
    columns = ("metric", "kind", "labels", "meaning")
    lines = _head(
        "Metrics",
        "`http://HUB:8080/metrics` in Prometheus's text format, where `page.metrics` is true "
        "([how](../how-to/metrics.md)). It answers to the same names as the page, "
        "`page.allowed_hosts`. No meter's serial, no reading and no key is in it, but the links' "
        "addresses are. Counters begin anew when the hub starts, but for "
        "`hearthlink_disk_written_bytes_total`, which is noted once an hour. A metric without a "
        "value is absent: the cloud's where none is set up, the disk's where there is none to "
        "count.",
        columns,
    )
    lines += map(_metric_row, METRICS)
    lines += ["", "## The cloud's device service", "", "Where `devices_metrics_port` names a port."]
    lines += ["", *_table_head(columns), *map(_metric_row, DEVICE_METRICS)]
    return _page(lines)


def _metric_row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
    return f"| `{metric.name}` | {metric.kind} | {labels} | {_cell(metric.help)} |"


def settings_page() -> str:
    """Render a row for each configuration key, in a table for each process."""
    lines = ["# Settings", "", MADE_BY, ""]
    lines.append("Every key of the TOML files. An environment variable wins over the file.")
    for title, name in SETTINGS_MODULES.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| key | default | meaning | variable |",
            "|---|---|---|---|",
        ]
        for key, default, meaning, variable in setting_rows(name):
            lines.append(f"| `{key}` | {default} | {meaning} | `{variable}` |")
    return _page(lines)


def setting_rows(name: str) -> list[tuple[str, str, str, str]]:
    """List key, default, help and environment variable of a configuration module's settings."""
    module = importlib.import_module(name)
    return [
        (
            setting.key,
            _default(setting.default),
            _sentence(_cell(setting.help)),
            setting.variable
            if hasattr(setting, "variable")
            else module.environment_name(setting.key),
        )
        for setting in module.SETTINGS
    ]


def problems_page() -> str:
    """Render a row for each kind of problem that the API answers with."""
    lines = _head(
        "Problems",
        "Every error of the API is a problem document (RFC 9457, `application/problem+json`). "
        f"`code` is for programs and never changes; `type` is `{URN}` and the code. `detail` says "
        "what is wrong with which value, `hint` what to do, and `faults` lists each fault of a "
        "request or document. The refusals of a claim or a certificate have codes of their own "
        "([provisioning](provisioning.md)).",
        ("code", "status", "meaning", "what to do"),
    )
    for code, kind in KINDS.items():
        fix = _sentence(_cell(kind.fix))
        lines.append(f"| `{code}` | {int(kind.status)} | {_cell(kind.title)} | {fix} |")
    return _page(lines)


def problem_codes() -> set[str]:
    """Collect the codes given to problems anywhere in the cloud, by keyword `code`."""
    codes = set()
    for path in (ROOT / "cloud").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _called(node) in PROBLEM_MAKERS:
                codes |= {
                    str(one.value.value)
                    for one in node.keywords
                    if one.arg == "code" and isinstance(one.value, ast.Constant)
                }
    return codes - {""}


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def commands_page() -> str:
    """Render a section for each command and each of its actions."""
    lines = ["# Commands", "", MADE_BY, "", "`hearthlink COMMAND --help` prints the same."]
    for parser in parsers():
        for one in with_actions(parser):
            lines += ["", f"{'##' if one is parser else '###'} {one.prog}", ""]
            lines += _parser_lines(one)
    return _page(lines)


def argument_rows(parser: argparse.ArgumentParser) -> list[tuple[str, str, str]]:
    """List name, default or "required", and meaning of a command's own arguments."""
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
            continue
        name = ", ".join(action.option_strings) or action.metavar or action.dest
        needed = "required" if action.required else _default(action.default)
        rows.append((str(name), needed, _cell(_help(parser, action))))
    return rows


def commands() -> dict[str, str]:
    """Read the commands and where their functions are."""
    return dict(sorted(cli.find_commands().items()))


def read_project() -> dict[str, Any]:
    """Read the project table of pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project: dict[str, Any] = tomllib.loads(text)["project"]
    return project


def parsers() -> Iterator[argparse.ArgumentParser]:
    """Ask each command for its argument parser, in order of name."""
    for name, place in commands().items():
        yield parser_of(cli.load_command(place), name)
        for within in WITHIN.get(name, ()):
            yield importlib.import_module(within).build_parser()


def with_actions(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """List a command's parser and those of its actions."""
    return [parser, *_actions_of(parser)]


def parser_of(run: cli.Command, name: str) -> argparse.ArgumentParser:
    """Start a command and stop it where it would read its arguments."""

    def stop(parser: argparse.ArgumentParser, *_arguments: object, **_named: object) -> None:
        raise ParserAskedError(parser)

    with mock.patch.object(argparse.ArgumentParser, "parse_known_args", stop):
        try:
            run([])
        except ParserAskedError as asked:
            return asked.parser
    raise LookupError(f"hearthlink {name} reads its arguments without argparse")


def error_codes() -> set[str]:
    """Collect the codes given to FrameError anywhere in the packages."""
    codes = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            codes |= _codes_of(ast.parse(path.read_text(encoding="utf-8")))
    return codes


def _codes_of(tree: ast.Module) -> set[str]:
    names = {
        target.id: statement.value.value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    codes = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            first = node.args[0]
            value = names.get(first.id) if isinstance(first, ast.Name) else None
            value = first.value if isinstance(first, ast.Constant) else value
            if node.func.id == "FrameError" and isinstance(value, str):
                codes.add(value)
    return codes


def _parser_lines(parser: argparse.ArgumentParser) -> list[str]:
    lines = [_sentence(parser.description or "")]
    rows = [f"| `{name}` | {needed} | {help_} |" for name, needed, help_ in argument_rows(parser)]
    if rows:
        lines += ["", "| argument | default | meaning |", "|---|---|---|", *rows]
    return lines


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return (action.help or "") % {**vars(action), "prog": parser.prog}


def _actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield child
                yield from _actions_of(child)


def _default(value: object) -> str:
    if value is None or value == "" or value is argparse.SUPPRESS or isinstance(value, list):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"`{value}`"


def _summary(function: Callable[..., object]) -> str:
    return _cell((inspect.getdoc(function) or "").split("\n\n", maxsplit=1)[0])


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".") if text else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _head(title: str, introduction: str, columns: tuple[str, ...]) -> list[str]:
    return [f"# {title}", "", MADE_BY, "", introduction, "", *_table_head(columns)]


def _table_head(columns: tuple[str, ...]) -> list[str]:
    return ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]


def _page(lines: list[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    for file_name, text in render_pages().items():
        (REFERENCE / file_name).write_text(text, encoding="utf-8")
        print(f"docs/reference/{file_name}")

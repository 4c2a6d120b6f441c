"""The commissioning report as a page to print or keep: plain HTML, no script, nothing else. Pure.

Results are words, never a colour alone; every table has a caption and headed columns.
"""

from collections.abc import Sequence
from html import escape

from cloud.fleet.report import Report, ReportedMeter, Verdict

RESULTS = {True: "passed", False: "failed", None: "not known"}
STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 46rem; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid #767676; }
.failed { font-weight: 700; }
code { overflow-wrap: anywhere; font-size: .75rem; }
@media print { body { margin: 0; max-width: none; } details { display: none; } }
"""


def render_page(report: Report, sealed: str) -> str:
    """Write the page; `sealed` is the signed form, kept inside so that the page can be verified."""
    outcome = "All tests passed" if report.passed else "Not all tests passed"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Commissioning report: {escape(report.thing)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>Commissioning report: {escape(report.thing)}</h1>
<p><strong>{outcome}.</strong> Made at {escape(report.made_at)}; all times are UTC.</p>
<h2>Hub</h2>
{_facts(report)}
<h2>Tests</h2>
{_tests(report.tests)}
<h2>Meters</h2>
{_meters(report.meters)}
<details>
<summary>Signature</summary>
<p>Save the JSON of this report and check it with
<kbd>hearthlink fleet report --verify FILE</kbd>.</p>
<p><code>{escape(sealed)}</code></p>
</details>
</main>
</body>
</html>
"""


def _facts(report: Report) -> str:
    facts = [
        ("Household", report.household),
        ("Installer", report.installer),
        ("Program", report.agent_version),
        ("Clock", _clock(report)),
        ("Certificate begins", report.certificate_begins),
        ("Certificate ends", report.certificate_ends),
    ]
    rows = "\n".join(
        f'<tr><th scope="row">{name}</th><td>{escape(value or "not known")}</td></tr>'
        for name, value in facts
    )
    return f"<table>\n<caption>The hub and who installed it</caption>\n{rows}\n</table>"


def _clock(report: Report) -> str | None:
    if report.clock_source is None:
        return None
    off_ms = report.clock_uncertainty_ms
    within = "not trusted" if off_ms is None else f"within {off_ms} ms"
    return f"{report.clock_source}, {within}"


def _tests(tests: Sequence[Verdict]) -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{escape(test.name)}</th>'
        f"<td{' class=failed' if test.passed is False else ''}>{RESULTS[test.passed]}</td>"
        f"<td>{escape(test.detail)}</td></tr>"
        for test in tests
    )
    return _table("Each test and its result", ("Test", "Result", "Detail"), rows)


def _meters(meters: Sequence[ReportedMeter]) -> str:
    if not meters:
        return "<p>No meter has been heard yet.</p>"
    rows = "\n".join(_meter(meter) for meter in meters)
    columns = ("Meter", "Kind", "Signal", "First reading stored")
    return _table("Each meter and its first reading", columns, rows)


def _meter(meter: ReportedMeter) -> str:
    signal = "none (wire, or not told)" if meter.signal_dbm is None else f"{meter.signal_dbm} dBm"
    kind = " by ".join(part for part in (meter.medium, meter.protocol) if part) or "not known"
    first = meter.first_reading
    reading = "none yet"
    if first is not None:
        values = ", ".join(f"{name} {value}" for name, value in sorted(first.registers.items()))
        reading = f"{first.taken_at}: {values}"
    return (
        f'<tr><th scope="row">{escape(meter.meter)}</th><td>{escape(kind)}</td>'
        f"<td>{signal}</td><td>{escape(reading)}</td></tr>"
    )


def _table(caption: str, columns: Sequence[str], rows: str) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    return (
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table>"
    )

"""The summary of a decoded file, for people and for JSON. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from firmware_bridge.meters.catalog import CODECS
from firmware_bridge.meters.left_out import is_left_out
from firmware_bridge.tools.recognition import Recognised
from firmware_bridge.tools.tally import HINTS, Tally, rfc3339

MAX_SHOWN_UNKNOWN = 12
HOW_TO_SEND = "'hearthlink capture PORT FILE' makes a file to send us, without serials"


def summary_document(recognised: Recognised, name: str, size: int, tally: Tally) -> dict[str, Any]:
    """Return the summary for JSON."""
    return {
        "file": name,
        "protocol": recognised.protocol if recognised.score else None,
        "form": recognised.recording.form.value,
        "bytes": size,
        **tally.as_document(),
    }


def summary_lines(recognised: Recognised, name: str, size: int, tally: Tally) -> Iterator[str]:
    """Yield the summary's lines."""
    title = CODECS[recognised.protocol].title
    if not recognised.score:
        yield f"{name}: {size:,} bytes, in no protocol known here"
        yield f"  read as {title}, {recognised.recording.form}"
        yield "  was the port's speed right? 'hearthlink detect PORT' tries them all"
    else:
        guess = title if recognised.is_certain else f"perhaps {title}"
        yield f"{name}: {size:,} bytes, {recognised.recording.form}, {guess}"
    unchecked = f", {tally.unchecked:,} without a checksum" if tally.unchecked else ""
    yield f"  telegrams {tally.telegrams:,}, samples {tally.samples:,}{unchecked}"
    for meter, counted in tally.meters.items():
        yield (
            f"  meter {meter}  {counted.medium}  {counted.samples:,} samples  "
            f"{_span(counted.first_ms, counted.last_ms)}"
        )
    yield from _refused_lines(tally)
    yield from _unknown_lines(recognised.protocol, tally)
    for text in tally.texts:
        yield f"  text for the household: {text}"


def _span(first_ms: int | None, last_ms: int | None) -> str:
    if first_ms is None:
        return "without a clock"
    return f"{rfc3339(first_ms)} to {rfc3339(last_ms)}"


def _refused_lines(tally: Tally) -> Iterator[str]:
    yield f"  refused {tally.refusals:,}"
    ranked = sorted(tally.refused.items(), key=lambda entry: -entry[1].count)
    for reason, refused in ranked:
        yield f"    {refused.count:>7,} {reason}: {refused.examples[0]}"
        for example in refused.examples[1:]:
            yield f"            {example}"
        if reason in HINTS:
            yield f"            = {HINTS[reason]}"


def _unknown_lines(protocol: str, tally: Tally) -> Iterator[str]:
    """Yield the codes nobody here knows, which we want to see, then those left out on purpose."""
    left_out = {code: v for code, v in tally.unknown.items() if is_left_out(protocol, code)}
    strange = {code: v for code, v in tally.unknown.items() if code not in left_out}
    if strange:
        yield f"  read, but not in our table: {len(strange)}"
        yield from _codes(strange)
        yield f"            = {HOW_TO_SEND}"
    if left_out:
        yield f"  read, and left out on purpose: {len(left_out)}"
        yield from _codes(left_out)


def _codes(shown: Mapping[str, str]) -> Iterator[str]:
    for code, value in list(shown.items())[:MAX_SHOWN_UNKNOWN]:
        yield f"            {code} = {value}"
    if len(shown) > MAX_SHOWN_UNKNOWN:
        yield f"            and {len(shown) - MAX_SHOWN_UNKNOWN} more"

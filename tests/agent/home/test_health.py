"""The hub's own lines."""

from typing import Any

import pytest

from agent.home.health import (
    MAX_REASONS_SHOWN,
    Backlog,
    HealthLine,
    quarantine_in_words,
    view_backlog,
    view_health,
)
from agent.home.inputs import HomeInputs
from tests.support.home_inputs import NOW_MS, electricity_meter, home_inputs, hub_state


def line(inputs: HomeInputs, name: str) -> HealthLine:
    """Find one line by its name."""
    return next(found for found in view_health(inputs) if found.name == name)


def test_hub_in_good_health() -> None:
    """Everything well is said line by line."""
    lines = view_health(home_inputs())

    assert [(found.name, found.condition) for found in lines] == [
        ("Meter", "good"),
        ("Cloud", "good"),
        ("Waiting", "good"),
        ("Clock", "good"),
        ("Log", "good"),
    ]
    assert line(home_inputs(), "Cloud").text == "connected, last receipt 4 min ago"


def test_clone_is_a_fault_for_a_day() -> None:
    """The household reads that its card runs twice; a day after the last sign that is over."""
    seen = home_inputs(hub=hub_state(clone_seen_ms=NOW_MS - 3_600_000))
    over = home_inputs(hub=hub_state(clone_seen_ms=NOW_MS - 25 * 3_600_000))

    clone = line(seen, "Clone")

    assert (clone.condition, clone.text) == (
        "fault",
        "another hub uses this one's identity, seen 1 h ago",
    )
    assert "Clone" not in [found.name for found in view_health(over)]


def test_silent_meter_is_a_fault_with_its_fix() -> None:
    """The household reads how long, and what to check."""
    meter = line(home_inputs(meters=[electricity_meter(age_ms=200_000)]), "Meter")

    assert (meter.condition, meter.text) == ("fault", "silent for 3 min")
    assert "cable" in meter.hint


def test_one_silent_meter_of_two_is_counted() -> None:
    """A second meter's silence is not hidden by the first."""
    meters = [electricity_meter(), electricity_meter(age_ms=200_000)]

    assert line(home_inputs(meters=meters), "Meter").text == "1 of 2 silent for 3 min"


def test_no_meter_yet() -> None:
    """Before the first telegram the line says so."""
    assert line(home_inputs(meters=[]), "Meter").text == "none heard yet"


def test_backlog_is_told_in_samples_and_time() -> None:
    """Samples say little to a household; a span of time does."""
    hub = hub_state(
        cloud_connected=False, backlog_samples=1_204, oldest_unstored_at_ms=NOW_MS - 12_000_000
    )

    waiting = line(home_inputs(hub=hub), "Waiting")
    cloud = line(home_inputs(hub=hub), "Cloud")

    assert (waiting.condition, waiting.text) == ("notice", "1,204 samples over 3 h 20 min")
    assert (cloud.condition, cloud.hint) == ("notice", "Readings are kept here and sent later")


def test_a_backlog_that_is_being_sent_says_how_long_yet() -> None:
    """The household reads how far behind the cloud is and when it will have caught up."""
    hub = hub_state(
        backlog_samples=103_680,
        oldest_unstored_at_ms=NOW_MS - 12 * 86_400_000,
        backlog_left_ms=9 * 60_000 + 4_000,
    )
    inputs = home_inputs(hub=hub)

    assert line(inputs, "Waiting").text == "103,680 samples, 12 days behind, 9 min left"
    assert view_backlog(inputs) == Backlog(103_680, 12 * 86_400_000, 544_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"oldest_unstored_at_ms": NOW_MS - 600_000},
        {"cloud_connected": False},
        {"oldest_unstored_at_ms": None},
    ],
)
def test_no_end_is_told_of_what_is_no_backlog_or_not_being_sent(changes: dict[str, Any]) -> None:
    """The newest minutes always wait, and what cannot be sent has no end in sight."""
    hub = hub_state(
        **{
            "backlog_samples": 60,
            "oldest_unstored_at_ms": NOW_MS - 86_400_000,
            "backlog_left_ms": 1_000,
            **changes,
        }
    )

    assert view_backlog(home_inputs(hub=hub)).left_ms is None
    assert "left" not in line(home_inputs(hub=hub), "Waiting").text


def test_nothing_waiting_is_no_backlog() -> None:
    """Neither where all is stored nor where there is no cloud."""
    alone = hub_state(cloud_configured=False, backlog_samples=99)

    assert view_backlog(home_inputs()) == Backlog(0, None, None)
    assert view_backlog(home_inputs(hub=alone)) == Backlog(0, None, None)


def test_backlog_of_unknown_age_is_told_in_samples() -> None:
    """Where the oldest has no time yet, the count stands alone."""
    assert line(home_inputs(hub=hub_state(backlog_samples=1)), "Waiting").text == "1 sample"


def test_home_without_cloud_is_not_a_fault() -> None:
    """No cloud is a choice."""
    inputs = home_inputs(hub=hub_state(cloud_configured=False, last_receipt_at_ms=None))

    assert [line(inputs, name).condition for name in ("Cloud", "Waiting")] == ["off", "off"]


def test_no_receipt_since_the_start() -> None:
    """Connected is not stored, and a receipt before the start is not known to be none."""
    cloud = line(home_inputs(hub=hub_state(last_receipt_at_ms=None)), "Cloud")

    assert cloud.text == "connected, no receipt since the hub started"


def test_clock_that_is_not_trusted_is_a_fault() -> None:
    """The line names where the time came from."""
    clock = line(home_inputs(is_clock_trusted=False, clock_source="saved time"), "Clock")

    assert (clock.condition, clock.text) == ("fault", "not confirmed (saved time)")


def test_power_cut_is_put_in_words() -> None:
    """The commit window is said by what it can cost."""
    text = line(home_inputs(hub=hub_state(commit_window_s=300)), "Log").text

    assert text.startswith("4 samples not yet on disk")
    assert text.endswith("at most the last 5 min of detail, never energy")


def test_held_ranges_are_shown() -> None:
    """What the cloud refused is kept and visible."""
    held = line(home_inputs(hub=hub_state(held_ranges=2)), "Held")

    assert (held.condition, held.text) == ("fault", "2 ranges refused by the cloud, kept here")


@pytest.mark.parametrize("count", [0, 3])
def test_quarantine_is_put_in_words(count: int) -> None:
    """Counts by reason, the most frequent first; a reason never met is left out."""
    hub = hub_state(quarantined={"register-fell": 1, "bad_checksum": count})

    expected = ["3 times: bad checksum"] if count else []
    assert quarantine_in_words(hub) == [*expected, "1 time: register fell"]


def test_quarantine_is_bounded() -> None:
    """A bug that invents reasons cannot make the page long."""
    hub = hub_state(quarantined={f"reason-{place}": 1 for place in range(40)})

    words = quarantine_in_words(hub)

    assert len(words) == MAX_REASONS_SHOWN + 1
    assert words[-1] == "and 28 other reasons"


def test_detail_that_was_given_up_or_lost_is_told() -> None:
    """Counted, and that the energy is still there."""
    ordinary = {found.name for found in view_health(home_inputs())}
    inputs = home_inputs(hub=hub_state(thinned_samples=1_200, lost_samples=1, untimed_samples=7))

    detail, damage = line(inputs, "Detail"), line(inputs, "Damage")

    assert not {"Detail", "Damage", "Undated"} & ordinary
    assert line(inputs, "Undated").text == "7 samples taken while nobody knew the time"
    assert detail.text == "1,200 samples given up to make room"
    assert "energy is exact" in detail.hint
    assert damage.text == "1 sample lost to a damaged disk"

"""How fast codes may be guessed: slower and slower for who guesses, never for who does not."""

from cloud.fleet.pace import (
    ADDRESS_MS,
    ADDRESS_TRIES,
    MAX_ADDRESSES,
    TOTAL_TRIES,
    Pace,
    place_of,
)


def test_address_without_a_wrong_code_is_never_refused() -> None:
    """However many others there are, and however much they send."""
    pace = Pace()

    for number in range(TOTAL_TRIES * 2):
        pace.note_wrong(f"198.51.{number // 250}.{number % 250}", 0)

    assert pace.may_try("192.0.2.1", 0)
    assert not pace.may_try("198.51.0.1", 0)


def test_address_has_ten_tries_and_then_one_each_ten_seconds() -> None:
    """A person who mistypes does not notice; a program does."""
    pace = Pace()

    for _ in range(ADDRESS_TRIES):
        assert pace.may_try("192.0.2.1", 0)
        pace.note_wrong("192.0.2.1", 0)

    assert not pace.may_try("192.0.2.1", ADDRESS_MS - 1)
    assert pace.may_try("192.0.2.1", ADDRESS_MS)


def test_tries_while_refused_do_not_prolong_it() -> None:
    """What is refused is not counted: a stuck hub comes free by itself."""
    pace = Pace()

    for _ in range(ADDRESS_TRIES * 10):
        pace.note_wrong("192.0.2.1", 0)

    assert pace.may_try("192.0.2.1", ADDRESS_MS)


def test_customer_with_many_ipv6_addresses_is_one() -> None:
    """A /64 is what one home has."""
    assert place_of("2001:db8::1") == place_of("2001:db8::ffff:1") != place_of("2001:db8:0:1::1")
    assert place_of("::ffff:192.0.2.1") == place_of("192.0.2.1")
    assert place_of("testclient") == "unknown"


def test_what_is_remembered_is_bounded() -> None:
    """The address heard of longest ago is forgotten first."""
    pace = Pace()

    for number in range(MAX_ADDRESSES + 1):
        pace.note_wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", number * 1_000)

    assert len(pace._addresses) == MAX_ADDRESSES
    assert "10.0.0.0" not in pace._addresses

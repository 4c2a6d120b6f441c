"""Buckets of wrong tries: each of them slows down what the others let through."""

from fastapi import HTTPException

from cloud.accounts.guesses import Attempt, Guesses
from shared.units import MS_PER_HOUR


def tries_let_through(guesses: Guesses, attempts: list[Attempt], now_ms: int = 0) -> int:
    """Count how many tries are let through until the first that is not."""
    for number, attempt in enumerate(attempts):
        try:
            guesses.begin(attempt, now_ms)
        except HTTPException:
            return number
    return len(attempts)


def test_one_address_tries_few_accounts() -> None:
    """One password on many accounts is no way around what one account allows."""
    spraying = [Attempt(f"user{number}@example.org", "192.0.2.1") for number in range(100)]

    assert tries_let_through(Guesses(), spraying) == 20


def test_one_account_is_tried_from_few_addresses() -> None:
    """Whoever has many addresses has fifty tries, then one each six seconds."""
    many = [Attempt("ada@example.org", f"192.0.{number}.1") for number in range(200)]
    guesses = Guesses()

    assert tries_let_through(guesses, many) == 50
    assert tries_let_through(guesses, many[100:], MS_PER_HOUR // 60) == 10


def test_addresses_of_one_network_are_one() -> None:
    """An IPv6 network is its owner's: another address in it is no other place."""
    many = [Attempt(f"u{n}@example.org", f"2001:db8::{n:x}") for n in range(1, 100)]

    assert tries_let_through(Guesses(), many) == 20


def test_a_known_device_is_judged_by_itself_alone() -> None:
    """Neither its account's nor its address's tries count, and ten of its own do."""
    guesses = Guesses()
    tries_let_through(guesses, [Attempt("ada@example.org", "192.0.2.1")] * 100)

    known = [Attempt("ada@example.org", "192.0.2.1", "device")] * 100

    assert tries_let_through(guesses, known) == 10


def test_a_refused_try_takes_from_no_other_bucket() -> None:
    """An account that is being flooded uses up no tries of the address its owner has."""
    guesses = Guesses()
    flood = [Attempt("ada@example.org", f"192.0.{number}.1") for number in range(50)]
    tries_let_through(guesses, flood)
    for _ in range(30):
        assert tries_let_through(guesses, [Attempt("ada@example.org", "198.51.100.1")]) == 0

    others = [Attempt(f"u{number}@example.org", "198.51.100.1") for number in range(100)]

    assert tries_let_through(guesses, others) == 20

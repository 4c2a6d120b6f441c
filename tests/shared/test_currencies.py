"""Currencies: numbers as meters tell them, letters as tariffs do."""

from shared.currencies import CURRENCIES


def test_numbers_and_letters_are_iso_4217s_and_no_two_are_one() -> None:
    """Three letters each; the pound is 826 and the euro 978."""
    assert CURRENCIES[826] == "GBP"
    assert CURRENCIES[978] == "EUR"
    assert len(set(CURRENCIES.values())) == len(CURRENCIES)
    assert all(0 < number < 1_000 for number in CURRENCIES)
    assert all(len(name) == 3 and name.isalpha() and name.isupper() for name in CURRENCIES.values())

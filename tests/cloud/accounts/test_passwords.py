"""Which passwords will do, and how they are kept."""

import hashlib
import threading
from pathlib import Path

import pytest

from cloud.accounts import passwords
from cloud.accounts.passwords import MAX_CHARS, Hasher, Policy
from cloud.errors import ProblemError
from shared.errors import ConfigError

GOOD = "tuba marmelade zwölf"


@pytest.mark.parametrize(
    "password",
    [
        "short words",
        "x" * (MAX_CHARS + 1),
        "password1234",
        "Passw0rd!2024",
        "qwertyuiop123",
        "poiuytrewqlkj",
        "abcabcabcabc",
        "aaaabbbbcccc",
        "correct horse battery staple",
        "Hearthlink-2026!",
        "iloveyou19991231",
        "ada@example.org rules",
        "xy lovelace was here",
    ],
)
def test_password_that_is_tried_first_is_refused(password: str) -> None:
    """Too short, too long, of a few well-known pieces, or with the person's own name."""
    with pytest.raises(ConfigError, match="password"):
        Policy().check(password, "ada@example.org", "Lovelace")


@pytest.mark.parametrize(
    "password", [GOOD, "Xk3!fj29dLwq", "four words in no order", "東" * 11 + "京都府"]
)
def test_length_does_without_composition(password: str) -> None:
    """No capital, digit or mark is asked for."""
    Policy().check(password, "ada@example.org", "Lovelace", "", "Al")


def test_leaked_password_is_found_in_a_file(tmp_path: Path) -> None:
    """Sorted SHA-1 digests with counts, searched by halves: all, and none between."""
    leaked = [f"leaked words number {number} of many" for number in range(200)]
    digests = sorted(hashlib.sha1(one.encode()).hexdigest().upper() for one in leaked)
    file = tmp_path / "leaked.txt"
    file.write_text("".join(f"{digest}:{number}\n" for number, digest in enumerate(digests)))
    policy = Policy(str(file))

    refused = 0
    for one in leaked:
        with pytest.raises(ConfigError, match="leak"):
            policy.check(one)
        refused += 1

    assert refused == len(leaked)
    for number in range(200, 260):
        policy.check(f"leaked words number {number} of many")


def test_hash_is_salted_and_matches_its_password_alone() -> None:
    """Two hashes of one password differ; nobody's hash matches nothing, at the same price."""
    hasher = Hasher(time_cost=1, memory_kib=8)

    first, second = hasher.hash(GOOD), hasher.hash(GOOD)

    assert first != second
    assert first.startswith("$argon2id$")
    assert hasher.matches(first, GOOD)
    assert hasher.matches(first, GOOD.replace("ö", "o\u0308"))
    assert not hasher.matches(first, GOOD + " ")
    assert not hasher.matches("", "nobody has this password")
    assert not hasher.matches("not a hash", GOOD)


def test_hash_made_more_cheaply_is_told() -> None:
    """So that it can be made anew when its person signs in."""
    cheap, dear = Hasher(time_cost=1, memory_kib=8), Hasher(time_cost=2, memory_kib=16)

    assert dear.is_outdated(cheap.hash(GOOD))
    assert not dear.is_outdated(dear.hash(GOOD))


def test_too_many_at_once_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than all of the machine's memory taken."""
    monkeypatch.setattr(passwords, "WAIT_S", 0.01)
    hasher = Hasher(time_cost=1, memory_kib=8, at_once=1)
    errors: list[ProblemError] = []

    def hash_one() -> None:
        try:
            hasher.hash(GOOD)
        except ProblemError as error:
            errors.append(error)

    with hasher._turns:
        other = threading.Thread(target=hash_one)
        other.start()
        other.join(timeout=60)

    assert [error.status for error in errors] == [503]
    assert hasher.matches(hasher.hash(GOOD), GOOD)

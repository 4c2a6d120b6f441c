"""Proofs: the same row on both sides agrees, whole or thinned, and no other does."""

from shared.proofs import DIGEST_BYTES, agrees, proof_of

ROW = {"import_mwh": 1_021_000, "export_mwh": 0, "power_import_w": 432}
COUNTERS = {"import_mwh": 1_021_000, "export_mwh": 0}


def test_the_same_row_agrees_in_whatever_order_its_registers_come() -> None:
    """A frame has them by column, the hub's row by number."""
    proof = proof_of(21, ROW)

    assert proof[0] == 21
    assert agrees(proof, dict(reversed(ROW.items())))


def test_a_row_of_which_only_the_counters_left_agrees() -> None:
    """Consent may let nothing else leave."""
    assert agrees(proof_of(21, ROW), COUNTERS)


def test_a_row_that_says_anything_else_does_not_agree() -> None:
    """Another value, a register more, or only some of the counters: another row."""
    proof = proof_of(21, ROW)

    assert not agrees(proof, ROW | {"power_import_w": 433})
    assert not agrees(proof, ROW | {"voltage_l1_mv": 230_000})
    assert not agrees(proof, {"import_mwh": 1_021_000})
    assert not agrees(proof, COUNTERS | {"import_mwh": 1_021_001})


def test_no_registers_agree_with_nothing() -> None:
    """A sample without a counter leaves nothing where only counters may leave."""
    assert not agrees(proof_of(21, {"power_import_w": 432}), {})


def test_a_proof_stays_as_it_is_over_releases() -> None:
    """Hub and cloud are never upgraded together."""
    assert proof_of(21, ROW) == (21, "78b9eb7b6d970d39", "01dfd8fefc5739a0")
    assert all(len(digest) == 2 * DIGEST_BYTES for digest in proof_of(21, ROW)[1:])

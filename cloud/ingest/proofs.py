"""Which rows that a hub holds are stored: what tells a card's copies apart. Only reads."""

from collections.abc import Sequence

from cloud.readings.store import Readings
from cloud.scope import Scope
from shared.frames import decode_frame
from shared.proofs import Proof, agrees


def proved_seq(store: Readings, scope: Scope, log_id: str, proofs: Sequence[Proof]) -> int:
    """Find the last proof that a stored sample agrees with; 0 for none.

    What is stored without a sample proves nothing. From the first sample that says something else
    on the two copies have parted. A sample that came at two revisions agrees if either does.
    """
    wanted = {one[0] for one in proofs}
    held: dict[int, list[dict[str, int]]] = {}
    for one in store.frames_of_log(scope, log_id, [(seq, seq) for seq in sorted(wanted)]):
        for sample in decode_frame(one.payload).samples():
            if sample.seq in wanted:
                held.setdefault(sample.seq, []).append(sample.registers)
    proved = 0
    for proof in sorted(one for one in proofs if one[0] in held):
        if not any(agrees(proof, registers) for registers in held[proof[0]]):
            break
        proved = proof[0]
    return proved

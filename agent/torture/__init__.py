"""`hearthlink torture`: the real processes under seeded faults, and the proof after."""

"""`hearthlink demo`: the whole way on one machine, as the real processes, and a check that nothing was lost."""

"""`hearthlink demo`: the whole way as real processes, and a check that nothing was lost."""

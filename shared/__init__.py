"""The contract both sides keep: pure code, except `cli.py` and `clock.py`."""

"""The hub's one process, offline first; `pipeline.py` is where to start reading."""

"""The version of all four packages: the wheel's is read from here (pyproject.toml).

It is a constant, because to read what pip wrote of it takes a megabyte of a hub's memory.
"""

VERSION = "0.1.0"

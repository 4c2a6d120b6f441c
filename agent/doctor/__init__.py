"""`hearthlink doctor`: every check of a hub with its finding and its fix; it changes nothing."""

from agent.doctor.cli import build_parser, run

__all__ = ["build_parser", "run"]

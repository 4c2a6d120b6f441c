"""Readings: what meters displayed and what was used between two instants."""

"""Numbered migrations; the first one carries household_id everywhere."""

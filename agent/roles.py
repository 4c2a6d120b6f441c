"""What a meter stands for in the home. Pure."""

from enum import StrEnum


class Role(StrEnum):
    """What a meter stands for in the home's totals."""

    SUPPLY = "supply"
    """What the household buys and exports is measured here."""
    GENERATION = "generation"
    """What the home's own solar panels or other source make."""
    DEVICE = "device"
    """One circuit or appliance, already part of what the supply's meter counts."""

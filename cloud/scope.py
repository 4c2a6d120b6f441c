"""Whose rows a caller may see: an argument of every repository call, so that none can forget it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """The households a caller may see; never empty, so a missing one cannot mean "all"."""

    household_ids: frozenset[str]

    def __post_init__(self) -> None:
        if not self.household_ids:
            raise ValueError("a scope names at least one household")

    @classmethod
    def of(cls, household_id: str) -> "Scope":
        """The scope of one household."""
        return cls(frozenset({household_id}))

    @property
    def only(self) -> str:
        """The household that rows are written for; raises ValueError where there are several."""
        if len(self.household_ids) != 1:
            raise ValueError(f"{len(self.household_ids)} households in a scope that writes to one")
        return next(iter(self.household_ids))

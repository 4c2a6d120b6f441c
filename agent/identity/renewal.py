"""When a certificate is renewed. Pure."""

from agent.identity.certificates import Facts

DUE_SHARE = 2 / 3
"""Of its life: the last third is for a hub that is away, or a cloud that is."""

JITTER_SHARE = 0.05
"""Hubs that were provisioned on one day must not come back on one day."""


def due_ms(facts: Facts) -> int:
    """Say when renewing begins; always the same for one certificate, another for each."""
    life_ms = facts.expires_ms - facts.begins_ms
    spread = int(facts.fingerprint[:8], 16) / 0x1_0000_0000
    return facts.begins_ms + int(life_ms * (DUE_SHARE + JITTER_SHARE * spread))


def is_due(facts: Facts, now_ms: int) -> bool:
    """Tell whether a certificate is to be renewed now."""
    return now_ms >= due_ms(facts)


def is_expired(facts: Facts, now_ms: int) -> bool:
    """Tell whether nobody takes a certificate any more."""
    return now_ms >= facts.expires_ms

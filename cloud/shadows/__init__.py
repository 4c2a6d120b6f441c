"""Device shadows: what the cloud wants of a hub and what the hub says that it has."""

"""The hub's own API: read only, for programs in the home, by the names of the cloud's."""

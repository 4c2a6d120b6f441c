"""How hypothesis judges in every test: by what comes out, never by how long it took."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

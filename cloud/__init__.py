"""The cloud: takes frames in, keeps them, prices what they say and serves it over REST."""

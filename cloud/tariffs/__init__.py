"""Tariffs: kept per meter, sent to hubs, and what usage costs under them."""

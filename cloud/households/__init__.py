"""Households and the hubs in them."""

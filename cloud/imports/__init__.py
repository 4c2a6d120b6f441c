"""Imports: the history of other services read in, apart from what hubs measured."""

"""What every page of Hearthlink looks like: colours, cards, the icon."""

"""A believable household behind a simulated meter, with an oracle of what the meter displayed."""

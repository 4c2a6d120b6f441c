"""Where a meter's readings have gaps, why, and what was corrected since."""

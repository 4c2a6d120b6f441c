"""What the household sees in the home: the display page, fed from the hub alone."""

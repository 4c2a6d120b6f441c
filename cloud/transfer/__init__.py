"""What every request and answer goes through, whichever endpoint it is for. Decides no content."""

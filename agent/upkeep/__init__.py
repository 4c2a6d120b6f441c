"""What keeps the log in order over the years: sealing, retention, thinning, salvage, backups."""

"""Brings the log to the cloud: framing, the session of receipts and re-sends, transports."""

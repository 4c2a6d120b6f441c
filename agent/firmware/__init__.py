"""Firmware of what hangs on the hub: the display panel's, and the radio module's.

START HERE: work.py for jobs, cli.py for `hearthlink panel`; what is said to a panel is
firmware_bridge/display/update.py's.
"""

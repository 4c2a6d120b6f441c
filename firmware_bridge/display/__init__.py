"""In-home displays with a microcontroller: frames, messages, and who answers what.

Owns bytes and panels; knows nothing of the log, of MQTT or of the agent.
"""

"""A ZigBee stick as a link: one text line for every ZCL frame a measuring device sends.

Owns the radio, the network and the asking; interprets nothing of what is measured: the lines are
`meters/zigbee.py`'s. Nothing here is imported before a link that begins with zigbee: is opened.
"""

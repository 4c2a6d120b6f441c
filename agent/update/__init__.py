"""Updates of the hub's program: signed artefacts, two slots, a trial, and the way back.

START HERE: slots.py says what lies where; installing.py the way of an artefact into a slot.
"""

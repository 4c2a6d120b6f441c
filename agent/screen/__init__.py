"""Small screens on the hub's own pins: what displays show, drawn as pictures and sent to them.

Pillow brings the names of colours, and of all that a photograph can be tagged with: a third of a
megabyte (measured), of which a picture that is drawn here has none.
"""

from contextlib import suppress

from agent.entering import enter

with suppress(ModuleNotFoundError):
    # Where Pillow is missing, whoever draws says so.
    for _name in ("PIL.ExifTags", "PIL.TiffTags", "PIL.ImageColor"):
        enter(_name)

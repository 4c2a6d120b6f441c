"""Small screens on the hub's own pins: what displays show, drawn as pictures and sent to them."""

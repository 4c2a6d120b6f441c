"""Jobs on the hub: asked for once, done once, reported once; whatever is cut off in between."""

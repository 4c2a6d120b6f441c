"""Jobs: what the cloud asks hubs to do once, rolled out in stages."""

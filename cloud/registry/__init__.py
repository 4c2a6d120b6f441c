"""Where hubs, their shadows and their jobs are governed: our own service, or AWS IoT Core."""

"""The household's web app: pages that a browser may install, over the public API alone."""

"""Who the hub is: its key, its certificate and its place in a cloud, as files that survive a cut.

It makes no connection; agent/provision fetches what is kept here.
"""

"""Notes: a small app with a database and, if there is one, a cache. It knows nothing of the lab."""

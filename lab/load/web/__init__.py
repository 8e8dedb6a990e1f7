"""DO, web: Locust's web UI on an arm, with a tab of its processes."""

"""DO, load inside: everything that Locust's own process imports (METHOD 1)."""

"""DO, load: a seeded schedule, Locust as a child process, and every request as a row (METHOD 1)."""

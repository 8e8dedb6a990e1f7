"""The agent in a container of its own: its image, its rights, and the way to talk to it through the engine alone."""

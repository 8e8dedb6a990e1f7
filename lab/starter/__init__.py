"""The part of `lab init` that asks nobody: look into a folder, and write a first scenario and locustfile."""

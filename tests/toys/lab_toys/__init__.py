"""A front, a process model and an engine as another package would add them; see CONTRIBUTING.md and test_toys.py."""

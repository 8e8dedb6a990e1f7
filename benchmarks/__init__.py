"""Benchmarks of the lab itself: run each as ``python -m benchmarks.NAME``."""

"""Sampling: who the processes of an arm are and what they use, read in a process of its own (METHOD 4)."""

"""DO: the agent, the lab's own program in a container: it probes, drives load and samples where the lab itself cannot.

Everything between the two goes through the container's standard input and output, so that the lab needs nothing but the
engine's API: no shared folder, no port, no process that both can see.
"""

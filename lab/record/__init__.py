"""HUB: everything measured in one trial, and the folder that keeps it. What DO writes and CONCLUDE reads."""

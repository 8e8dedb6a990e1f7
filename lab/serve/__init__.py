"""`lab serve`: all runs of a folder in a browser of this machine. It reads, and writes nothing."""

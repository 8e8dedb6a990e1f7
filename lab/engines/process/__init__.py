"""DO, process: realises a topology as plain processes, for machines without Docker."""

"""DO, Docker: realises a topology as containers through the Docker SDK."""

"""From a compose file, which people have, to the keys of a scenario."""

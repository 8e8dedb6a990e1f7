"""DECIDE: the TOML file that a person writes, as a checked, immutable Scenario. Pure but for reading the file."""

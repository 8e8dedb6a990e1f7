"""CLI, live: how a run is drawn on a terminal while it goes on."""

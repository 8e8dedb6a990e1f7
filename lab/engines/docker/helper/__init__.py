"""For a lab that may not read containers' processes: a small container that may, and does it for the lab."""

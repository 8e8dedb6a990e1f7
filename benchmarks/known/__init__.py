"""Things with known values, against which the instrument is held: a server, a freeze, a ballast, a CPU burn."""

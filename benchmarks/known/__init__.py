"""Things with known answers, against which the lab is held: made-up trials, a server, a neighbour, a ballast."""

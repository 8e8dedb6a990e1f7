"""Engine ``swarm``: the services of a topology as services of a Docker Swarm that exists, over several nodes."""

"""DECIDE: a scenario becomes blocks of trials, and each trial the topology that an engine deploys. Pure."""

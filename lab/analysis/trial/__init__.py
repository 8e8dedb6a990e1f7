"""CONCLUDE, trial: the numbers of one trial, from its record and its tables."""

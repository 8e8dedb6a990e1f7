"""LIVE: follows the files of a trial while they grow. Draws nothing."""

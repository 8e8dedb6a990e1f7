"""Parts that the sections of a report share: values in words, facts of the run, axes of time, boxes."""

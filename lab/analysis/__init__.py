"""CONCLUDE: pure functions from records to summaries, intervals, verdicts and gates. Nothing here formats."""

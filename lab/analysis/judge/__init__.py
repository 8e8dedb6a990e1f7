"""CONCLUDE, judge: intervals, verdicts, power and noise floors. Numbers in, decisions out (METHOD 7)."""

"""CONCLUDE, sections: one part of the page each, from the comparison to content."""

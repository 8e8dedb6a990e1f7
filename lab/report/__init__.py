"""CONCLUDE: one content model, several renderers. A reporter turns content into text; someone else owns the files."""

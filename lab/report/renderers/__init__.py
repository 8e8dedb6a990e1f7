"""CONCLUDE, renderers: content becomes HTML, Markdown, CSV, JSON or terminal text."""

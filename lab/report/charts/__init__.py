"""The figures: frozen data in, one SVG element out; no framework, no network."""

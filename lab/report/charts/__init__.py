"""The figures as Vega-Lite specifications, made with Altair."""

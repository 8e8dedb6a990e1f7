"""What a hostile or broken world may hand to the lab, as hypothesis strategies and properties.

A property runs one case to its end: a result that is right, or a LabError with a sentence. The unit tests run few
cases of each, ``python -m benchmarks.hostile`` runs thousands.
"""

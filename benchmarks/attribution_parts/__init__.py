"""Parts of ``benchmarks/attribution.py``, one idea a module."""

"""The service against a constant answer and against named peers: ``python -m benchmarks.serving``."""

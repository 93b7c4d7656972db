"""Candidates: fitted on the training weeks, cross-validated by basket, exported to ONNX."""

"""Weekly transaction files to a gated, explained model: pure functions and jobs over local paths."""

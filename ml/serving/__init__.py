"""The inference service: raw basket lines in, price sensitivity out."""

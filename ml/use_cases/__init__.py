"""One YAML file per use case; ``ml.use_case`` reads them."""

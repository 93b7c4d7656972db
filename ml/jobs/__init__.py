"""Jobs: files in, files out. The same functions run on a laptop and as SageMaker jobs."""

"""AWS behind ml's ports: models in S3, keys in Secrets Manager, captured predictions to S3 or Firehose."""

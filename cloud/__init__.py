"""AWS behind ml's ports: models in S3, keys in Secrets Manager, predictions to S3 or Firehose, features."""

"""What an environment costs a month, computed from its templates before anything is deployed."""

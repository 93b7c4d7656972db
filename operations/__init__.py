"""What an operator runs before, after and beside a deployment: estimates, checks and clean-up."""

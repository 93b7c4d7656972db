"""Kubernetes on this machine: an API server for what a deployer uses, and pods that are processes."""

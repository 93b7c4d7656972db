"""Kubernetes on this machine: an API server, the controllers that a rollout needs, and pods that are real processes.

Nothing here knows the product. Not there: the choice of a node (one takes every pod), network policies, limits, Pod
Security, jobs and what cron starts. Such objects are kept and do nothing.
"""

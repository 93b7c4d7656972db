"""Pricing functions, a module per kind of service; importing them fills the table."""

from operations.cost.pricing import compute, network, observability, security, storage
from operations.cost.pricing.table import PRICED

__all__ = ["PRICED", "compute", "network", "observability", "security", "storage"]

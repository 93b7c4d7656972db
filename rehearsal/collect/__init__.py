"""What a rehearsal's page shows, read off by AWS's API and from what the processes left in its folder."""

from rehearsal.collect.collector import Collector, collect

__all__ = ["Collector", "collect"]

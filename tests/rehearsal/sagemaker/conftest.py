"""The fixtures of this folder's tests."""

from tests.rehearsal.jobs_world import job_role, put, roles, sagemaker, world

__all__ = ["job_role", "put", "roles", "sagemaker", "world"]

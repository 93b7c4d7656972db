"""Names and settings that every layer must agree on; imports nothing of ours."""

"""The acts: each does what a user would do, and says what has to come of it."""

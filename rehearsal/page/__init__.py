"""What happened in a rehearsal, as one page."""

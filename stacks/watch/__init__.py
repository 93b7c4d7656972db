"""What is watched: alarms with their reasons, and the dashboard. No construct is made here."""

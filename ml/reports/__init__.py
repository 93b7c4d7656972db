"""Self-contained HTML pages and their charts: no script, font or picture from elsewhere."""

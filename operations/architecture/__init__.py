"""The architecture page's picture and tables, made from the app so that they cannot be out of date."""

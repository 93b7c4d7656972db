"""The whole platform on one machine: AWS emulated, the templates deployed, the flow played and looked at."""

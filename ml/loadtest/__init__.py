"""An open-loop load generator: requests are due at fixed times, whether or not the server keeps up."""

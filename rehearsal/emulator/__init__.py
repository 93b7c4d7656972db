"""AWS on this machine: an emulator with what it lacks added as plug-ins. Nothing here knows the product."""

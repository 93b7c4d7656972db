"""The same model behind other servers, each as its own documentation does it; run in the peer's own environment.

Every file can be run with the folder of exported artefacts as its argument, which writes what its server needs there.
"""

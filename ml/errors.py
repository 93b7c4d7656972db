"""The errors a user can cause; each message names the file, row, column or setting and what to do."""


class UserError(Exception):
    """Base of every error that the caller can put right: exit code 2, never a traceback."""


class DataError(UserError):
    """Input data that cannot be used."""


class SettingsError(UserError):
    """A setting, use case or command-line value that cannot be used."""


class ModelError(UserError):
    """A model bundle, version or encoder that is missing, damaged or does not fit the data."""


class StoreError(UserError):
    """A store of models, keys or predictions that cannot be reached, refuses, or lacks what it should hold."""

"""Errors of the driver. `LinkError` and `UsageError` are `DriverError`."""


class DriverError(Exception):
    """The board or its folder cannot be used as asked; the message is one line."""


class LinkError(DriverError):
    """Nothing answers at the other end of the link, or something wrong."""


class UsageError(DriverError):
    """Something was asked for that this kind of board does not have."""

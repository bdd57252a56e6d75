"""What the driver raises on purpose."""


class DriverError(Exception):
    """A board that does not do as it should; one line."""


class LinkError(DriverError):
    """Nothing, or nothing right, answers at the other end."""

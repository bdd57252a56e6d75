"""The host's side, for boards too: numpy alone, nothing else of Bitrill, Python 3.8 or later."""

from .driver import Driver
from .errors import DriverError, LinkError
from .network import Network
from .serial import PySerial, SerialTransport

__all__ = ["Driver", "DriverError", "LinkError", "Network", "PySerial", "SerialTransport"]

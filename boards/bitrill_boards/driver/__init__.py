"""The host's side, for boards too: numpy alone, nothing else of Bitrill, Python 3.8 or later."""

from .axi import AxiTransport
from .driver import Driver
from .errors import DriverError, LinkError
from .network import Network
from .serial import PySerial, SerialTransport

__all__ = [
    "AxiTransport",
    "Driver",
    "DriverError",
    "LinkError",
    "Network",
    "PySerial",
    "SerialTransport",
]

"""The driver: runs a compiled network on a board, from a host or on the board itself.

It needs numpy and Python 3.8, but nothing else of Bitrill; each board folder holds a copy.

from bitrill_driver import connect

with connect("FOLDER") as driver:               # made by `bitrill build`
    integers, floats = driver.run(images)
    print(driver.report())
"""

from .axi_transport import AxiTransport
from .driver import Driver
from .driver_errors import DriverError, LinkError, UsageError
from .folder import Folder
from .network import Network
from .opening import connect
from .serial_transport import PySerial, SerialTransport
from .summary import summary
from .transport import FrameTransport, Transport

__all__ = [
    "AxiTransport",
    "Driver",
    "DriverError",
    "Folder",
    "FrameTransport",
    "LinkError",
    "Network",
    "PySerial",
    "SerialTransport",
    "Transport",
    "UsageError",
    "connect",
    "summary",
]

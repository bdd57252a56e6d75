"""The host's side, for boards too: numpy alone, nothing else of Bitrill, Python 3.8 or later.

from bitrill_driver import connect

with connect("FOLDER") as driver:               # what `bitrill build` made
    integers, floats = driver.run(images)
    print(driver.report())
"""

from .axi_transport import AxiTransport
from .driver import Driver
from .driver_errors import DriverError, LinkError
from .folder import Folder
from .network import Network
from .opening import connect
from .serial_transport import PySerial, SerialTransport
from .summary import summary

__all__ = [
    "AxiTransport",
    "Driver",
    "DriverError",
    "Folder",
    "LinkError",
    "Network",
    "PySerial",
    "SerialTransport",
    "connect",
    "summary",
]

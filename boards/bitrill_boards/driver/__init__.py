"""The host's side, for boards too: numpy alone, nothing else of Bitrill, Python 3.8 or later.

from bitrill_driver import connect

with connect("FOLDER") as driver:               # what `bitrill build` made
    integers, floats = driver.run(images)
    print(driver.report())
"""

from .axi import AxiTransport
from .driver import Driver
from .errors import DriverError, LinkError
from .folder import Folder
from .network import Network
from .opening import connect
from .serial import PySerial, SerialTransport
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

"""Handles stops that come too early to be caught: while a command's modules are imported.

A stop before `stop_at_once` is called shows Python's own trace, so this module imports little.
"""

import os

INTERRUPTED = "interrupted; nothing half-written is left"


def stop_at_once(arguments: "list[str]") -> None:
    """End this process on a signal: while modules are imported there is nothing to clean up.

    Packages such as numpy may turn a `KeyboardInterrupt` into another error.
    """
    import signal

    def stop(*_: object) -> None:
        say_interrupted(arguments)
        os._exit(130)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def say_interrupted(arguments: "list[str]") -> None:
    """Report the stop without any further imports."""
    value = f'{{\n "error": "{INTERRUPTED}",\n "kind": "Interrupted",\n "details": {{}}\n}}\n'
    for file, text in ((2, f"bitrill: {INTERRUPTED}\n"), (1, value * ("--json" in arguments))):
        try:
            os.write(file, text.encode())
        except OSError:
            continue  # nobody reads it

"""The command line: ``bitrill VERB``. It parses, calls `bitrill.flow` and prints.

Results go to stdout; progress, notes and errors go to stderr through the log ``bitrill``. With
``--json`` stdout gets exactly one JSON object, even if a verb fails or is interrupted:
``{"error", "kind", "details"}``. A `BitrillError` becomes one line, ``bitrill: error: ...``, and an
exit code:

    0 done                               5 timing not met
    1 a mismatch or a refused model      6 does not fit
    2 wrong usage                        70 a bug in Bitrill: its trace is in a file
    3 a tool is missing                  130 interrupted
    4 a step failed, a file cannot be read or written
"""

import sys

from .early import say_interrupted, stop_at_once


def main(argv: "list[str] | None" = None) -> int:
    """Run one command, by default this process' arguments, and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if argv is None:
            stop_at_once(arguments)
        from .command import run

        return run(arguments, own_process=argv is None)
    except KeyboardInterrupt:
        say_interrupted(arguments)
        return 130

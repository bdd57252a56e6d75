"""Amaranth's simulator driven cycle by cycle from outside, without its testbenches.

A testbench that sets and reads a few ports each cycle takes more time than the design does: each
`ctx.set` casts its arguments and settles the whole design, and the clock is a process with timers.
Here ports are found once, several are set before the design settles, and a tick is one call. It
looks into Amaranth's engine, whose version constraints.txt fixes.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator


class Port:
    """A signal of the design; what is set is seen by others after `Stepper.settle`."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._width = len(state.signal)
        self._sign = state.signal.shape().signed << self._width >> 1

    def set(self, value: int) -> None:
        """Set the signal; the value is cut to its width."""
        cut = value & ((1 << self._width) - 1)
        self._state.update(cut - 2 * (cut & self._sign))

    def get(self) -> int:
        return self._state.curr


class Stepper:
    """A simulation of ``core`` with a reset of its own."""

    def __init__(self, core: Any) -> None:
        self._reset_signal = Signal()
        self._simulator = Simulator(ResetInserter(self._reset_signal)(core))
        self._engine: Any = self._simulator._engine
        self._processes = list(self._engine._processes)
        self._pending: set[Any] = self._engine.state.pending
        self._reset = self.port(self._reset_signal)
        self._clock = self.port(self._simulator._design.lookup_domain("sync", None).clk)

    def port(self, signal: Any) -> Port:
        """Return the port of a signal, or of a view that is one."""
        state = self._engine.state
        plain = signal if isinstance(signal, Signal) else signal.as_value()
        return Port(state.slots[state.get_signal(plain)])

    def restart(self) -> None:
        """Return to the state before the first cycle."""
        self._simulator.reset()
        self.settle()

    def settle(self) -> None:
        """Let what has been set take effect."""
        settled = False
        while not settled:
            for process in self._processes:
                if process.runnable:
                    process.runnable = False
                    process.run()
            settled = True
            for state in self._pending:
                if state.commit():
                    settled = False
            self._pending.clear()

    def tick(self) -> None:
        """Go to the next cycle; what has been set is seen by this edge."""
        self.settle()
        self._clock.set(1)
        self.settle()
        self._clock.set(0)

    def reset(self) -> None:
        """Reset the design, for one cycle."""
        self._reset.set(1)
        self.tick()
        self._reset.set(0)

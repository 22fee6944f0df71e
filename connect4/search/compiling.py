"""Tell the user when numba compiles. It does so on first use, takes seconds, and keeps the result on disk.

with on_compile(lambda: print("compiling, once")):
    generate_boards(500, seed=7)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def on_compile(call: Callable[[], object]) -> Iterator[None]:
    """Call `call` when numba begins to compile inside the block; once, however much it compiles."""
    from numba.core import event

    class Once(event.Listener):
        told = False

        def on_start(self, event: event.Event) -> None:
            if not self.told:
                self.told = True
                call()

        def on_end(self, event: event.Event) -> None:
            pass

    with event.install_listener("numba:compile", Once()):
        yield

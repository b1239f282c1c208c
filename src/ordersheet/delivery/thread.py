"""The delivery's event loop, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ordersheet.core.stop_switch import StopSwitch

T = TypeVar("T")


class _Lookups(ThreadPoolExecutor):
    """Where asyncio looks hosts up.

    A lookup cannot be cut short, and asyncio would wait for it at the end of the run; the report would then
    come later than `--grace` allows.
    """

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the base class's
        del wait, cancel_futures
        super().shutdown(wait=False, cancel_futures=True)


def run_in_thread(make: Callable[[], Coroutine[Any, Any, T]], switch: StopSwitch) -> T:
    """Run a delivery on an event loop of its own, in a thread of its own, and wait for its end.

    So it works where an event loop is running already (notebooks), and a signal handler of the main thread
    can run at any moment, on Windows too.

    Args:
        make: makes the delivery; called in the new thread.
        switch: pressed at each KeyboardInterrupt.

    Raises:
        BaseException: whatever the delivery raised.
    """
    ended: list[T] = []
    raised: list[BaseException] = []

    async def deliver() -> T:
        asyncio.get_running_loop().set_default_executor(_Lookups(thread_name_prefix="lookup"))
        return await make()

    def work() -> None:
        try:
            ended.append(asyncio.run(deliver()))
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread
            raised.append(error)

    thread = threading.Thread(target=work, name="ordersheet-delivery")
    thread.start()
    while thread.is_alive():
        try:
            # A join without a limit cannot be interrupted on Windows.
            thread.join(0.2)
        except KeyboardInterrupt:
            switch.press()
    if raised:
        raise raised[0]
    return ended[0]

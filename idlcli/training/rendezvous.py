"""Several processes meet before the engine starts: it would end a process without a word if another one never came."""

import contextlib
import socket
import time

from idlcli.errors import RunFailed

HELLO_SECONDS = 5.0
AGAIN_SECONDS = 0.2


def meet(*, address: str, processes: int, process: int, seconds: float) -> None:
    """Return when all ``processes`` are there: the others come to process 0, which listens at ``address``.

    Raises :class:`RunFailed` if they are not within ``seconds``.
    """
    host, _, port = address.rpartition(":")
    until = time.monotonic() + seconds
    if process == 0:
        _receive(address, int(port), processes, until, seconds)
    else:
        _come(address, host.strip("[]"), int(port), _hello(processes, process), until, seconds)


def _hello(processes: int, process: int) -> bytes:
    return f"idl {processes} {process}\n".encode()


def _receive(address: str, port: int, processes: int, until: float, seconds: float) -> None:
    awaited = {_hello(processes, index): index for index in range(1, processes)}
    with contextlib.ExitStack() as opened:
        family = socket.AF_INET6 if address.startswith("[") else socket.AF_INET
        try:
            server = opened.enter_context(socket.create_server(("", port), family=family))
        except OSError as error:
            raise RunFailed(
                f"Process 0 cannot listen at {address}: {error.strerror}.", hint="Choose another port."
            ) from error
        here = []
        while awaited:
            server.settimeout(max(until - time.monotonic(), 0.001))
            try:
                guest = opened.enter_context(server.accept()[0])
            except TimeoutError:
                missing = ", ".join(map(str, awaited.values()))
                raise RunFailed(
                    f"Process {missing[:60]} of {processes} did not come to {address} within {seconds:g} s.",
                    hint="Start all of them with the same --hosts and --processes, each with its own --process-id.",
                ) from None
            guest.settimeout(HELLO_SECONDS)
            with contextlib.suppress(OSError):  # a stranger, or one who has left again
                if awaited.pop(guest.recv(64), None) is not None:
                    here.append(guest)
                else:
                    guest.close()
        for guest in here:
            with contextlib.suppress(OSError):
                guest.sendall(b"go")


def _come(address: str, host: str, port: int, hello: bytes, until: float, seconds: float) -> None:
    said = "nobody answered"
    while time.monotonic() < until:
        try:
            with socket.create_connection((host, port), timeout=HELLO_SECONDS) as server:
                server.sendall(hello)
                server.settimeout(max(until - time.monotonic(), 0.001))
                if server.recv(2) == b"go":
                    return
                said = "it does not expect this process"
        except OSError as error:
            said = error.strerror or str(error)
        time.sleep(AGAIN_SECONDS)
    raise RunFailed(
        f"No process 0 at {address} within {seconds:g} s: {said}.",
        hint="Start all of them with the same --hosts and --processes, each with its own --process-id.",
    )

"""The processes of a training meet, whoever comes first; who waits in vain is told so."""

import socket
import threading

import pytest

from idlcli.errors import RunFailed
from idlcli.training.rendezvous import meet


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def together(address, processes, order, seconds=20.0):
    """Start the processes in an order, as threads; return what each of them met with."""
    found = {}

    def one(process):
        try:
            found[process] = meet(address=address, processes=processes, process=process, seconds=seconds)
        except RunFailed as error:
            found[process] = error

    threads = [threading.Thread(target=one, args=(process,)) for process in order]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return found


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_all_meet_whoever_comes_first(order, address):
    assert together(address, 3, order) == {0: None, 1: None, 2: None}
    assert together(address, 3, order) == {0: None, 1: None, 2: None}, "the port is free again"


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_they_may_meet_at_an_address_of_ipv6(address):
    port = address.rpartition(":")[2]
    assert together(f"[::1]:{port}", 2, (1, 0)) == {0: None, 1: None}


def test_process_0_says_who_did_not_come(address):
    found = together(address, 3, (0, 2), seconds=0.5)
    assert "Process 1 of 3 did not come" in found[0].message
    assert isinstance(found[2], RunFailed)


def test_a_process_that_finds_nobody_says_so(address):
    assert "No process 0 at" in together(address, 2, (1,), seconds=0.3)[1].message


def test_strangers_and_a_process_of_another_training_are_not_taken_for_one_of_us(address):
    found = {}

    def stranger():
        host, port = address.split(":")
        for said in (b"GET / HTTP/1.1\r\n\r\n", b"idl 2 1\n", b"idl 3 7\n", b""):
            while True:
                try:
                    with socket.create_connection((host, int(port)), timeout=5) as server:
                        server.sendall(said)
                        if said:
                            assert server.recv(2) == b""
                    break
                except ConnectionRefusedError:
                    continue
        found["others"] = together(address, 3, (1, 2))

    thread = threading.Thread(target=stranger)
    thread.start()
    meet(address=address, processes=3, process=0, seconds=30)
    thread.join(60)
    assert found["others"] == {1: None, 2: None}


def test_a_port_that_is_taken_is_said():
    with socket.create_server(("", 0)) as taken:
        with pytest.raises(RunFailed, match="cannot listen") as caught:
            meet(address=f"127.0.0.1:{taken.getsockname()[1]}", processes=2, process=0, seconds=5)
        assert "port" in caught.value.hint

"""One training on several devices, in one process or in many: each takes a share of every batch (data parallel).

Built on Keras's distribution over JAX. The model is spread over the devices while an epoch's steps run, and only then:
between epochs every process has all of it, alone, and evaluates, samples and saves as if there were no other. Process 0
says from which state all begin and is the only one that keeps what it writes.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from idlcli.errors import RunFailed, UsageError, said
from idlcli.settings.common import TrainSettings
from idlcli.settings.fields import shorten
from idlcli.training import engine
from idlcli.training.rendezvous import meet

JOIN_SECONDS = 300
"""How long a process waits for the others to come."""
LOST = ("Gloo", "gloo", "NCCL", "oordination service", "UNAVAILABLE")
"""Words of which one is in what JAX says when a process that it works with is gone."""


GO_ON = "Go on: `idl runs resume` as process 0, and the same command as before as each of the others."
"""How a training of several processes is started again."""


class Alone:
    """One process on one device: nothing is shared, and nothing is done."""

    processes = 1
    process = 0
    devices = 1

    def share(self, batch: Any) -> Any:
        """Return the part of a batch that this process feeds."""
        return batch

    def begin(self, model: Any) -> None:
        """Get a compiled model ready to be trained on the devices."""

    def spread(self, model: Any) -> None:
        """Put the model onto the devices, for the steps of an epoch."""

    def gather(self, model: Any) -> None:
        """Give every process the whole model again."""

    def end(self) -> None:
        """Leave the devices, however the training ended."""

    def agree(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Return the files that process 0 gave."""
        return files

    def lost(self, error: Exception) -> RunFailed | None:
        """Return what to say if an error means that another process is gone."""
        return None


class Group(Alone):
    """Several devices: ``devices`` in each of ``processes``, of which this one is number ``process``."""

    def __init__(self, *, devices: int, processes: int, process: int) -> None:
        import jax
        import keras

        self.devices, self.processes, self.process = devices, processes, process
        chosen = [device for index in range(processes) for device in jax.local_devices(index)[:devices]]
        names = [f"{device.platform}:{device.id}" for device in chosen]
        self._distribution = keras.distribution.DataParallel(devices=names, auto_shard_dataset=False)
        mesh = self._distribution.device_mesh.backend_mesh
        self._everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
        self._parted = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
        self._sum = jax.jit(lambda rows: rows.sum(axis=0, dtype=rows.dtype), out_shardings=self._everywhere)

    def share(self, batch: Any) -> Any:
        """Return the part of a batch that this process feeds.

        Every process makes the whole batch, so that what is drawn for it is what one process alone would draw.
        """
        import keras

        def part(array: Any) -> Any:
            size = len(array) // self.processes
            return array[self.process * size : (self.process + 1) * size]

        return keras.tree.map_structure(part, batch)

    def begin(self, model: Any) -> None:
        """Compile the step for a model that lies on all devices."""
        self.spread(model)
        model.make_train_function(force=True)

    def spread(self, model: Any) -> None:
        """Put a copy of every variable on every device; what Keras is fed from here on is parted among them."""
        import jax
        import keras
        import numpy as np

        for variable in _variables(model):
            if not variable.value.sharding.is_equivalent_to(self._everywhere, len(variable.shape)):
                value = np.asarray(variable.value)
                variable.assign(jax.make_array_from_process_local_data(self._everywhere, value, value.shape))
        keras.distribution.set_distribution(self._distribution)

    def gather(self, model: Any) -> None:
        """Take the first of this process's copies of every variable."""
        import keras

        keras.distribution.set_distribution(None)
        for variable in _variables(model):
            variable.assign(variable.value.addressable_data(0))

    def end(self) -> None:
        """Leave the devices, however the training ended."""
        import keras

        keras.distribution.set_distribution(None)

    def agree(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Return the files that process 0 gave; what the others give does not matter."""
        try:
            return self._agree(files)
        except Exception as error:
            lost = self.lost(error)
            if lost is None:
                raise
            raise lost from error

    def _agree(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        about = json.dumps({name: len(content) for name, content in files.items()}).encode()
        content = b"".join(files.values())
        (size,) = self._from_first([len(about)])
        sizes = json.loads(self._bytes_from_first(about, int(size)))
        whole = self._bytes_from_first(content, sum(sizes.values()))
        found, at = {}, 0
        for name, length in sizes.items():
            found[name] = whole[at : at + length]
            at += length
        return found

    def _bytes_from_first(self, content: bytes, size: int) -> bytes:
        import numpy as np

        words = np.zeros(-(-size // 4) * 4, np.uint8)
        if self.process == 0:
            words[:size] = np.frombuffer(content, np.uint8)
        return bytes(self._from_first(words.view(np.int32)).tobytes()[:size])

    def _from_first(self, numbers: Any) -> Any:
        """Return whole numbers (N,) of process 0: the sum over all devices, where all others hold zeros."""
        import jax
        import numpy as np

        rows = np.zeros((self.devices, len(numbers)), np.int32)
        if self.process == 0:
            rows[0] = numbers
        shape = (self.devices * self.processes, len(numbers))
        return np.asarray(self._sum(jax.make_array_from_process_local_data(self._parted, rows, shape)))

    def lost(self, error: Exception) -> RunFailed | None:
        """Return what to say if an error means that another process is gone."""
        if self.processes == 1 or not any(word in str(error) for word in LOST):
            return None
        return RunFailed("Another process of the training was lost.", hint=GO_ON)


def _variables(model: Any) -> list[Any]:
    """Return every variable that a training step changes, once."""
    return list({id(v): v for v in (*model.variables, *model.optimizer.variables, *model.metrics_variables)}.values())


_current: Alone = Alone()


def current() -> Alone:
    """Return the devices that a training in this process is spread over."""
    return _current


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Train alone while the block runs: what each process, or one of them, does for itself."""
    global _current
    before, _current = _current, Alone()
    try:
        yield
    finally:
        _current = before


def check(settings: TrainSettings) -> None:
    """Raise :class:`UsageError` for devices and processes that cannot share a batch; costs no import."""
    addresses = list(filter(None, settings.hosts.split(",")))
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port[:6]) < 65_536:
            raise UsageError(f"--hosts cannot be {shorten(settings.hosts)}.", hint="Such as 192.168.0.7:1234.")
    if (settings.processes > 1) != bool(addresses):
        missing, given = ("--hosts", "--processes") if settings.processes > 1 else ("--processes", "--hosts")
        raise UsageError(f"{given} needs {missing}.", hint="Such as --hosts 192.168.0.7:1234 --processes 2.")
    if len(addresses) > 1 and len(addresses) != settings.processes:
        raise UsageError(f"--hosts names {len(addresses)} processes, --processes {settings.processes}.")
    if settings.process_id >= settings.processes:
        raise UsageError(f"--process-id {settings.process_id} is none of {settings.processes} processes from 0.")
    check_batch(settings.batch_size, settings.devices * settings.processes)


def check_batch(size: int, devices: int) -> None:
    """Raise :class:`UsageError` unless ``devices`` can take equal shares of a batch."""
    if size % devices:
        raise UsageError(
            f"A batch of {size} cannot be shared equally by {devices} devices.",
            hint=f"Give a --batch-size that is a multiple of {devices}.",
        )


def join(settings: TrainSettings) -> None:
    """Start the engine on the devices that the settings name, together with the other processes, if there are any.

    Raises :class:`UsageError` if this machine has too few devices, :class:`RunFailed` if the others do not come.
    """
    global _current
    if settings.devices * settings.processes == 1:
        return
    address = settings.hosts.split(",")[0]
    if settings.processes > 1:
        meet(address=address, processes=settings.processes, process=settings.process_id, seconds=JOIN_SECONDS)
    with engine.native_noise_held():
        import jax

        if settings.devices > 1:
            jax.config.update("jax_num_cpu_devices", settings.devices)
        if settings.processes > 1:
            jax.config.update("jax_cpu_collectives_implementation", "gloo")
            try:
                jax.distributed.initialize(address, settings.processes, settings.process_id)
            except Exception as error:
                raise RunFailed(f"The processes at {address} could not join: {said(error)}.") from error
        engine.start(settings.backend, deterministic=settings.deterministic)
        found = jax.local_device_count()
        if found < settings.devices:
            raise UsageError(f"--devices {settings.devices} are more than this machine has: {found}.")
        _current = Group(devices=settings.devices, processes=settings.processes, process=settings.process_id)
        if settings.processes > 1:
            _current.agree({})
            if jax.default_backend() == "cpu":  # the processes have met: without JAX's own watch, which would end this
                jax.distributed.shutdown()  # process without a word, the loss of another one is an error to be said

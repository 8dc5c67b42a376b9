"""A Ray cluster of two nodes on loopback, a sweep on it, and one node killed while it trains.

`python ray_cluster.py RUNS SWEEP DATA`: prints a JSON object, ``envelope`` (what the sweep said) and ``killed_in`` (the
run that was being trained on the node).
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found, parents = [pid], {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            about = path.read_text()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(about.rpartition(")")[2].split()[1])
    for parent in found:
        found += [child for child, its in parents.items() if its == parent]
    return found


def run_of(pids: list[int], place: Path) -> str | None:
    """The run that one of the processes has begun to log."""
    for pid in pids:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        except OSError:
            continue
        names = [word.removeprefix("--name=") for word in words if word.startswith("--name=")]
        for run in place.glob(f"0*-{names[0]}") if names else ():
            if (run / "log.jsonl").exists():
                return run.name
    return None


def main() -> None:
    from ray.cluster_utils import Cluster

    runs, sweep, data = sys.argv[1:]
    place = Path(runs) / f"sweep-{Path(sweep).stem}"
    temporary = tempfile.mkdtemp(prefix="r", dir="/tmp")  # the paths of sockets must be short
    Path("/tmp/ray").mkdir(exist_ok=True)  # the address of the cluster goes there, whatever its temp_dir is
    memory = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "temp_dir": temporary, **memory})
    node = cluster.add_node(num_cpus=1, **memory)
    words = ["sweep", sweep, "--data", data, "--runs", runs, "--engine", "ray", "--address", cluster.address, "--json"]
    process = subprocess.Popen([sys.executable, "-m", "idlcli", *words], stdout=subprocess.PIPE)
    (raylet,) = [info.process.pid for name, infos in node.all_processes.items() if name == "raylet" for info in infos]
    killed_in = None
    while killed_in is None and process.poll() is None:
        time.sleep(0.02)
        killed_in = run_of(tree(raylet), place)
    for pid in tree(raylet):  # a machine that loses its power loses all of them
        os.kill(pid, signal.SIGKILL)
    out, _ = process.communicate()
    cluster.shutdown()
    shutil.rmtree(temporary, ignore_errors=True)
    sys.stdout.write("\n" + json.dumps({"envelope": json.loads(out), "killed_in": killed_in}) + "\n")


if __name__ == "__main__":
    main()

"""The measuring of hack/bench: cases in turn, medians, ratios of the same round, memory of an idle container.

usage: bench.py PROJECT BINARIES WORK [--rounds N] [--write]
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time

NAMESPACES = ["pid", "mount", "network", "ipc", "uts", "cgroup", "user"]
MEMORY_BYTES, PIDS = 256 << 20, 8
# Short on purpose: crun compiles its filter at every start, vnh1 when it is built, so a long list would favour vnh1.
DENIED = ["bpf", "keyctl", "mount", "perf_event_open", "ptrace", "reboot", "setns", "umount2", "unshare", "userfaultfd"]


def config(arguments: list[str]) -> dict:
    """An OCI config as lean as vnh1's own: seven namespaces, no mount but the /dev that crun fills, no capabilities, limits, a filter."""
    mapping = [{"containerID": 0, "hostID": 1_000_000, "size": 65536}]
    return {
        "ociVersion": "1.0.2",
        "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": arguments, "cwd": "/", "env": ["PATH=/"], "noNewPrivileges": True,
                    "capabilities": {name: [] for name in ("bounding", "effective", "inheritable", "permitted", "ambient")}},
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "bench",
        "mounts": [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]}],
        "linux": {
            "namespaces": [{"type": name} for name in NAMESPACES],
            "uidMappings": mapping, "gidMappings": mapping,
            "resources": {"memory": {"limit": MEMORY_BYTES}, "pids": {"limit": PIDS}},
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                        "syscalls": [{"names": DENIED, "action": "SCMP_ACT_ERRNO"}]},
        },
    }


def bundle(folder: pathlib.Path, arguments: list[str], files: list[str]) -> pathlib.Path:
    """A bundle whose root holds the given files of the host at their own places."""
    shutil.rmtree(folder, ignore_errors=True)
    rootfs = folder / "rootfs"
    rootfs.mkdir(parents=True)
    for name in ("proc", "sys", "dev"):
        (rootfs / name).mkdir()
    for file in files:
        goal = rootfs / file.lstrip("/")
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, goal)
        goal.chmod(0o755)
    written = config(arguments)
    if len(files) > 1:  # Node makes threads
        written["linux"]["resources"]["pids"]["limit"] = 64
    if folder.name.startswith("runc"):  # it cannot do without
        written["mounts"].insert(0, {"destination": "/proc", "type": "proc", "source": "proc"})
    (folder / "config.json").write_text(json.dumps(written))
    return folder


def libraries(program: str) -> list[str]:
    words = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.split()
    return sorted({word for word in words if word.startswith("/")})


def version(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0].strip()


def once(command: list[str], sink: int) -> float:
    """Runs a command with output into sink; its wall time in ms."""
    actions = [(os.POSIX_SPAWN_DUP2, sink, 1)]
    began = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    took = (time.perf_counter() - began) * 1000
    if status != 0:
        sys.exit(f"bench: {' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return took


def container_memory(command: list[str]) -> dict[str, int]:
    """Private_Dirty in KiB of an idle container's processes, and of those that stay outside for it."""
    os.sync()  # pages of a program that was linked a moment ago count as dirty until they are on disk
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(1.5)
    family, grown = {process.pid}, True
    while grown:
        grown = False
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in family:
                continue
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent in family:
                family.add(int(entry.name))
                grown = True
    memory = {"inside": 0, "outside": 0}
    ours = os.readlink("/proc/self/ns/pid")
    for pid in family:
        rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        dirty = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_Dirty:"))
        memory["outside" if os.readlink(f"/proc/{pid}/ns/pid") == ours else "inside"] += dirty
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    return memory


def cases(project: pathlib.Path, binaries: pathlib.Path, work: pathlib.Path) -> tuple[dict[str, list[str]], list[str]]:
    """What is measured, by name, and lines on the peers."""
    hello = work / "hello.js"
    hello.write_text('console.log("hello");\n')
    found = {
        "vnh1 launch": [str(binaries / "vnh1-runtime"), "launch", str(hello)],
        "vnh1-runner alone": [str(binaries / "vnh1-runner"), str(hello)],
        "bare V8 program": [str(binaries / "vnh1-bench-bare")],
    }
    peers = []
    for runtime in ("crun", "runc"):
        if not shutil.which(runtime):
            peers.append(f"{runtime}: not installed, skipped")
            continue
        peers.append(version(runtime, "--version"))
        nothing = bundle(work / f"{runtime}-nothing", [str(work / "nothing")], [str(work / "nothing")])
        found[f"{runtime}, static do-nothing program"] = [runtime, "run", "--bundle", str(nothing), f"vnh1-bench-{runtime}"]
    node = shutil.which("node")
    if not node:
        peers.append("Node: not installed, skipped")
    else:
        peers.append(f"Node {version(node, '--version')}")
        found["Node alone"] = [node, str(hello)]
        if shutil.which("crun"):
            files = [os.path.realpath(node), *libraries(node)]
            folder = bundle(work / "crun-node", [os.path.realpath(node), "-e", 'console.log("hello")'], files)
            found["crun, Node printing a line"] = ["crun", "run", "--bundle", str(folder), "vnh1-bench-node"]
    return found, peers


WANTED = [
    ("vnh1 launch", "crun, static do-nothing program", 1.5),
    ("vnh1 launch", "crun, Node printing a line", 0.4),
    ("vnh1-runner alone", "bare V8 program", 1.5),
    ("vnh1 launch", "runc, static do-nothing program", None),
    ("vnh1-runner alone", "Node alone", None),
]
WANTED_MEMORY_KIB = 5 * 1000 * 1000 // 1024


def report(times: dict[str, list[float]], memory: dict[str, int], peers: list[str], rounds: int) -> tuple[str, bool]:
    lines = ["| what | median | fastest – slowest |", "|---|---:|---:|"]
    for name, values in times.items():
        lines.append(f"| {name} | {statistics.median(values):.1f} ms | {min(values):.1f} – {max(values):.1f} ms |")
    lines += ["", "| ratio of the medians | | wanted | in nine of ten rounds between |", "|---|---:|---:|---:|"]
    good = True
    for first, second, bound in WANTED:
        if first not in times or second not in times:
            continue
        ratio = statistics.median(times[first]) / statistics.median(times[second])
        each = sorted(one / other for one, other in zip(times[first], times[second]))
        low, high = each[len(each) // 20], each[-1 - len(each) // 20]
        wanted = "–" if bound is None else f"under {bound}"
        verdict = "" if bound is None or ratio < bound else " **missed**"
        good = good and not verdict
        lines.append(f"| {first} : {second} | {ratio:.2f}{verdict} | {wanted} | {low:.2f} – {high:.2f} |")
    verdict = "" if memory["inside"] < WANTED_MEMORY_KIB else " **missed**"
    good = good and not verdict
    lines += ["", "| memory of an idle script (Private_Dirty) | | wanted |", "|---|---:|---:|",
              f"| the whole container | {memory['inside'] / 1024:.1f} MiB{verdict} | under {WANTED_MEMORY_KIB / 1024:.1f} MiB |",
              f"| vnh1-runtime, which waits outside of it for `launch` | {memory['outside'] / 1024:.1f} MiB | – |"]
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown processor")
    where = f"{os.cpu_count()} × {processor}, Linux {os.uname().release}, {rounds} rounds in turn, {datetime.date.today()}; " + "; ".join(peers) + "."
    return where + "\n\n" + "\n".join(lines) + "\n", good


TEXT = """# Benchmarks

Written by `hack/bench --write`. Times of programs that start and end are only worth something side by side, so each
round runs every case once, in turn, on the same machine; the ratios are what counts.

{table}
## What is compared

- *vnh1 launch*: `vnh1-runtime launch hello.js` as root: container made, V8 started, `hello` printed, everything removed.
- *crun* and *runc*: `run` of a bundle with the same seven namespaces ({namespaces}), ids mapped as a block of 65536, no mount but
  a tmpfs on /dev, which they fill, and /proc for runc, no capabilities, no new privileges, read-only root, the same limits for memory and pids in a cgroup, and a seccomp filter of
  {denied} denied calls. The filter is short on purpose: these runtimes compile it at every start. The do-nothing program is
  a static `int main(void) {{ return 0; }}`, so that its row is the price of the container alone, while *vnh1 launch* also starts V8.
- *crun, Node*: the same bundle with Node, its libraries and nothing else in the root.
- *vnh1-runner alone*: `vnh1-runner hello.js` outside of a container. It seals itself all the same.
- *bare V8 program*: tests/bench-bare, the least that starts V8 and prints a line; no snapshot, no modules, no event loop.
- *memory*: the sum of Private_Dirty in /proc/PID/smaps_rollup, after a second and a half of a script that waits for a timer.
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="hack/bench")
    parser.add_argument("project", type=pathlib.Path)
    parser.add_argument("binaries", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()

    measured, peers = cases(arguments.project, arguments.binaries, arguments.work)
    print(f"bench: {len(measured)} cases, {arguments.rounds} rounds, about {arguments.rounds * len(measured) // 30 + 5} s", file=sys.stderr)
    sink = os.open(os.devnull, os.O_WRONLY)
    times: dict[str, list[float]] = {name: [] for name in measured}
    for turn in range(-3, arguments.rounds):
        for name, command in measured.items():
            took = once(command, sink)
            if turn >= 0:  # the first rounds warm up
                times[name].append(took)
    idle = arguments.work / "idle.js"
    idle.write_text("setTimeout(() => {}, 60_000);\n")
    memory = container_memory([str(arguments.binaries / "vnh1-runtime"), "launch", str(idle)])

    table, good = report(times, memory, peers, arguments.rounds)
    print(table)
    if arguments.write:
        text = TEXT.format(table=table, namespaces=", ".join(NAMESPACES), denied=len(DENIED))
        (arguments.project / "docs/benchmarks.md").write_text(text)
    sys.exit(0 if good else 1)


main()

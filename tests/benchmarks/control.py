"""A control group that holds a server to a share of one core. Version 1 or 2, whichever this machine has."""

import os

PERIOD = 100_000


class Group:
    """`share`: of one core; None for no limit. Use it in a `with` statement."""

    def __init__(self, share=None):
        self.share = share
        name = f"transload-benchmark-{os.getpid()}"
        with open("/proc/mounts") as file:
            mounts = [line.split()[1:4] for line in file]
        one = [point for point, kind, options in mounts if kind == "cgroup" and "cpu" in options.split(",")]
        two = [point for point, kind, _ in mounts if kind == "cgroup2"]
        two = [point for point in two if "cpu" in read(f"{point}/cgroup.controllers").split()]
        self.version = 1 if one else 2 if two else None
        self.path = os.path.join((one or two)[0], name) if self.version else None

    def __enter__(self):
        if not self.path:
            return self
        if self.version == 2:
            write(os.path.dirname(self.path) + "/cgroup.subtree_control", "+cpu")
        os.makedirs(self.path, exist_ok=True)
        quota = int(self.share * PERIOD) if self.share else None
        if self.version == 2:
            write(f"{self.path}/cpu.max", f"{quota or 'max'} {PERIOD}")
        else:
            write(f"{self.path}/cpu.cfs_period_us", PERIOD)
            write(f"{self.path}/cpu.cfs_quota_us", quota or -1)
        return self

    def enter(self):
        """Put the calling process, and what it starts, into the group."""
        if self.path:
            write(f"{self.path}/cgroup.procs", os.getpid())

    def __exit__(self, *_):
        if self.path:
            os.rmdir(self.path)


def read(path):
    with open(path) as file:
        return file.read()


def write(path, value):
    with open(path, "w") as file:
        file.write(str(value))

"""A region in a box: real Kubernetes, the real CCM, an emulated cloud with a real data plane, on one Linux machine.

Everything runs in namespaces of its own (processes, mounts, network) that have no way out of the machine. The
kernel ends all of it when the cloud's first process ends, however that happens; only cgroups and one state
directory need sweeping.
"""

"""Make zoo/serving/op_lists.txt: what each release of TF Serving can run, read from its parts.

    python -m tests.serving.make_op_lists FOLDER

downloads into FOLDER (4 GB) the wheels that the releases pin (their WORKSPACE and workspace.bzl),
loads the C++ libraries of each pair in a process of its own, without its Python, and asks the C
API for the registered ops and kernels. An op counts if it has a CPU kernel: PyFunc, for example, is
known to the library everywhere, but its kernel is in the Python module alone.
"""

import argparse
import ctypes
import pathlib
import subprocess
import sys
import zipfile

TARGET = pathlib.Path(__file__).parents[2] / "zoo" / "serving" / "op_lists.txt"

# TF Serving release: (TensorFlow, TensorFlow Text, TensorFlow to load the Text wheel with).
RELEASES = {"2.19.1": ("2.19.1", "2.12.1", "2.12.1"), "2.20.0": ("2.20.0", "2.20.0", "2.20.0")}
PLATFORM = ["--python-version", "311", "--only-binary", ":all:", "--no-deps"]
PLATFORM += ["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_17_x86_64"]
HEADER = """\
# What TF Serving runs on a CPU: releases (* = all), op, its attributes. Ops of XLA, which a default
# server refuses, are left out. Made by `python -m tests.serving.make_op_lists` from the op and
# kernel registries of the wheels that the releases pin:
"""


class _Buffer(ctypes.Structure):
    """TF_Buffer of the C API."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("free", ctypes.c_void_p),
    ]


def _dump(folder, *text_libraries):
    """Write the ops and kernels of TensorFlow, and the ops of text libraries, into `folder`."""
    folder = pathlib.Path(folder)
    ctypes.CDLL(str(folder / "libtensorflow_framework.so.2"), ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(folder / "libtensorflow_cc.so.2"), ctypes.RTLD_GLOBAL)
    library.TF_NewStatus.restype = ctypes.c_void_p
    library.TF_GetCode.argtypes = [ctypes.c_void_p]
    library.TF_GetAllOpList.restype = ctypes.POINTER(_Buffer)
    library.TF_GetAllRegisteredKernels.restype = ctypes.POINTER(_Buffer)
    library.TF_GetAllRegisteredKernels.argtypes = [ctypes.c_void_p]
    library.TF_LoadLibrary.restype = ctypes.c_void_p
    library.TF_LoadLibrary.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    library.TF_GetOpList.restype = _Buffer
    library.TF_GetOpList.argtypes = [ctypes.c_void_p]

    def write(name, *buffers):
        found = (ctypes.string_at(buffer.data, buffer.length) for buffer in buffers)
        (folder / name).write_bytes(b"".join(found))

    status = library.TF_NewStatus()
    write("ops", library.TF_GetAllOpList().contents)
    write("kernels", library.TF_GetAllRegisteredKernels(status).contents)
    handles = [library.TF_LoadLibrary(file.encode(), status) for file in text_libraries]
    if library.TF_GetCode(status) != 0 or not all(handles):
        sys.exit("an op library of TensorFlow Text cannot be loaded")
    write("text_ops", *(library.TF_GetOpList(handle) for handle in handles))


def _unpack(folder, package, version, wanted):
    """Download a wheel once and extract the files of some endings; returns their folder."""
    found = list(folder.glob(f"{package}-{version}-*.whl"))
    if not found:
        requirement = f"{package.replace('_', '-')}=={version}"
        command = [sys.executable, "-m", "pip", "download", *PLATFORM, "-d", folder, requirement]
        subprocess.run(command, check=True)
        found = list(folder.glob(f"{package}-{version}-*.whl"))
    target = folder / f"{package}-{version}"
    target.mkdir(exist_ok=True)
    with zipfile.ZipFile(found[0]) as wheel:
        for name in wheel.namelist():
            if wanted(name):
                (target / name.rpartition("/")[2]).write_bytes(wheel.read(name))
    return target


def _is_library(name):
    return name in (f"tensorflow/libtensorflow_{part}.so.2" for part in ("cc", "framework"))


def _is_text_op(name):
    return name.startswith("tensorflow_text/python/ops/") and name.endswith(".so")


def _registries(folder, tensorflow, text=None):
    """(OpList, names with a CPU kernel, OpList of the text libraries) of a pair of wheels."""
    from tensorflow.core.framework import kernel_def_pb2, op_def_pb2

    place = _unpack(folder, "tensorflow", tensorflow, _is_library)
    libraries = []
    if text:
        libraries = sorted(_unpack(folder, "tensorflow_text", text, _is_text_op).glob("*.so"))
    command = [sys.executable, "-m", "tests.serving.make_op_lists", "--dump", place, *libraries]
    subprocess.run(command, check=True)
    read = {name: (place / name).read_bytes() for name in ("ops", "kernels", "text_ops")}
    kernels = kernel_def_pb2.KernelList.FromString(read["kernels"]).kernel
    on_cpu = {kernel.op for kernel in kernels if kernel.device_type in ("CPU", "DEFAULT")}
    ops, text_ops = (op_def_pb2.OpList.FromString(read[n]).op for n in ("ops", "text_ops"))
    return ops, on_cpu, text_ops


def _lines(folder, tensorflow, text, text_host):
    """The lines of one release, a set."""
    ops, on_cpu, _ = _registries(folder, tensorflow)
    _, _, text_ops = _registries(folder, text_host, text)
    known = [op for op in ops if op.name in on_cpu and not op.name.lstrip("_").startswith("Xla")]
    return {" ".join([op.name, *sorted(a.name for a in op.attr)]) for op in [*known, *text_ops]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    found = {release: _lines(folder, *parts) for release, parts in RELEASES.items()}
    text = HEADER
    for release, (tensorflow, text_version, _) in RELEASES.items():
        text += f"# {release}: tensorflow {tensorflow}, tensorflow-text {text_version}\n"
    for line in sorted(set().union(*found.values())):
        having = ",".join(release for release, lines in found.items() if line in lines)
        text += f"{'*' if having == ','.join(RELEASES) else having} {line}\n"
    TARGET.write_text(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--dump"]:
        _dump(*sys.argv[2:])
    else:
        main()

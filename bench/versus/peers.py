"""The engines that hob is measured against, built from the sources inside their Python sdists.

A build is a peer's source with one set of CMake options. Everything lies under one folder, by
default ~/.cache/hob-peers and else $HOB_PEERS: PEER-src (unpacked once), BUILD-build (its programs in
bin/) and BUILD-build.log. What is there already is used as it is, whoever built it; a build that was
interrupted goes on. The sdists come from whatever package index pip is configured for.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass


class Failure(Exception):
    """What went wrong, as one line for a person."""


@dataclass(frozen=True)
class Source:
    requirement: str  # of the Python package whose sdist carries the engine
    subfolder: str


@dataclass(frozen=True)
class Build:
    source: str
    programs: tuple[str, ...]
    options: tuple[str, ...]  # of CMake


SOURCES = {
    "llama.cpp": Source("llama-cpp-python==0.3.36", "vendor/llama.cpp"),
    "ik_llama.cpp": Source("ik-llama-cpp-python==0.1.5", "vendor/ik_llama.cpp"),
}

NATIVE = ("-DGGML_NATIVE=ON",)
# What Haswell had and nothing newer. ik_llama.cpp has no option for BMI, hence the plain flags.
AVX2_ONLY = (
    "-DGGML_NATIVE=OFF",
    *(f"-DGGML_{name}=ON" for name in ("AVX", "AVX2", "FMA", "F16C", "BMI2")),
    *(f"-DGGML_{name}=OFF" for name in ("AVX_VNNI", "AVX512", "AVX512_VBMI", "AVX512_VNNI")),
    *("-DGGML_AVX512_BF16=OFF", "-DCMAKE_C_FLAGS=-mbmi -mbmi2", "-DCMAKE_CXX_FLAGS=-mbmi -mbmi2"),
)
EVERYWHERE = (
    *("-DCMAKE_BUILD_TYPE=Release", "-DLLAMA_CURL=OFF", "-DLLAMA_OPENSSL=OFF"),
    *("-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_UI=OFF", "-DLLAMA_BUILD_WEBUI=OFF"),
)

BUILDS = {
    "llama.cpp": Build("llama.cpp", ("llama-bench", "llama-completion", "llama-quantize"), NATIVE),
    "ik_llama.cpp": Build("ik_llama.cpp", ("llama-bench",), NATIVE),
    "llama.cpp-avx2": Build("llama.cpp", ("llama-bench",), AVX2_ONLY),
    "ik_llama.cpp-avx2": Build("ik_llama.cpp", ("llama-bench",), AVX2_ONLY),
}


def root():
    return pathlib.Path(os.environ.get("HOB_PEERS") or pathlib.Path.home() / ".cache/hob-peers")


def program(build, name):
    """Where a build's program lies, built or not."""
    return root() / f"{build}-build" / "bin" / name


def version(build):
    requirement = SOURCES[BUILDS[build].source].requirement
    return f"{BUILDS[build].source} of {requirement.replace('==', ' ')}"


def ensure(build, jobs=None, say=lambda text: None):
    """Builds what is missing of `build`; raises Failure."""
    wanted = BUILDS[build]
    if all(program(build, name).is_file() for name in wanted.programs):
        return
    folder = root() / f"{build}-build"
    log = root() / f"{build}-build.log"
    source = _source(wanted.source, say) / SOURCES[wanted.source].subfolder
    say(f"building {build} (log: {log})")
    if not (folder / "build.ninja").is_file():
        configure = ["cmake", "-S", source, "-B", folder, "-G", "Ninja", *EVERYWHERE, *wanted.options]
        _run(configure, log, f"configuring {build}")
    compile_ = ["ninja", "-C", folder, *(["-j", str(jobs)] if jobs else []), *wanted.programs]
    _run(compile_, log, f"building {build}")


def _run(command, log, title, **options):
    with open(log, "ab") as out:
        status = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, **options
        ).returncode
    if status != 0:
        raise Failure(f"{title} failed with status {status}; its output is in {log}")


def _source(name, say):
    folder = root() / f"{name}-src"
    if folder.is_dir():
        return folder
    say(f"fetching {SOURCES[name].requirement}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unpacked = folder.with_name(folder.name + ".part")
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(_sdist(SOURCES[name].requirement)) as archive:
        archive.extractall(unpacked)
    (inner,) = unpacked.iterdir()
    _mend_tile_configuration(inner)
    _mend_build_info(inner / SOURCES[name].subfolder)
    inner.rename(folder)
    unpacked.rmdir()
    return folder


def _sdist(requirement):
    name, wanted = requirement.split("==")
    file = root() / f"{name.replace('-', '_')}-{wanted}.tar.gz"
    if not file.is_file():
        log = root() / f"{file.name}.log"
        # pip asks a source package's build backend for its metadata even where it only downloads.
        backend = root() / "pip-backend"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        _run([*pip, "install", "--target", backend, "scikit_build_core"], log, "pip install")
        options = ["--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--dest", root()]
        environment = os.environ | {"PYTHONPATH": str(backend)}
        _run([*pip, "download", *options, requirement], log, "pip download", env=environment)
    return file


def _mend_tile_configuration(folder):
    """g++ 12's _tile_loadconfig does not say that it reads the struct; its stores are dropped then,
    and the first tile instruction is illegal. The asm statement says so."""
    for file in folder.rglob("ggml-cpu/amx/mmq.cpp"):
        text = file.read_text()
        mended = re.sub(
            r"_tile_loadconfig\(&(\w+)\);", r'asm volatile("ldtilecfg %0" : : "m"(\1));', text
        )
        file.write_text(mended)


def _mend_build_info(engine):
    """ik_llama.cpp's sdist leaves out the script that fills in build-info.cpp."""
    script = engine / "common/cmake/build-info-gen-cpp.cmake"
    template = engine / "common/build-info.cpp.in"
    if script.is_file() or not template.is_file():
        return
    script.parent.mkdir(exist_ok=True)
    values = {"NUMBER": "0", "COMMIT": "sdist", "COMPILER": "unknown", "TARGET": "unknown"}
    lines = [f"set(BUILD_{name} {value})\n" for name, value in values.items()]
    script.write_text("".join(lines) + "configure_file(common/build-info.cpp.in common/build-info.cpp)\n")

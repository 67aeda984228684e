"""The two programs as one interface: run(words, env, cwd, stdin path, stdout path, stderr path) ->
status.

Both get the same environment but for the names of variables (LLM_X is HOB_X to hob) and nothing of
the caller's. llm comes from the package index that pip is configured for, at the versions of
requirements.txt, into a folder of the user's cache.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 300  # a command that takes longer hangs
PATH = "/usr/local/bin:/usr/bin:/bin"


class Unavailable(Exception):
    """llm cannot be had here; says why."""


def environment(case_env, home):
    """What the commands of a case see, before the user folder is added."""
    return {
        "PATH": PATH,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "COLUMNS": "80",
        "LINES": "24",
    } | case_env


class Hob:
    name = "hob"

    def __init__(self, binary):
        self.binary = binary

    def run(self, words, env, user, cwd, streams):
        env = {
            key.replace("LLM_", "HOB_", 1) if key.startswith("LLM_") else key: value
            for key, value in env.items()
        }
        env["HOB_HOME"] = str(user)
        stdin, stdout, stderr = streams
        with open(stdin, "rb") as source, open(stdout, "wb") as out, open(stderr, "wb") as err:
            try:
                return subprocess.run(
                    [self.binary, *words],
                    env=env,
                    cwd=cwd,
                    stdin=source,
                    stdout=out,
                    stderr=err,
                    timeout=SECONDS,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                return f"none within {SECONDS} s"

    def close(self):
        pass


class Llm:
    name = "llm"

    def __init__(self):
        environment = {
            **os.environ,
            "PYTHONPATH": str(install()),
            "PYTHONHASHSEED": "0",
            "LC_ALL": "C.UTF-8",
        }
        environment.pop("LLM_LOAD_PLUGINS", None)
        self.server = subprocess.Popen(
            [sys.executable, "-B", str(HERE / "llm_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        if self.server.stdout.readline() != "ready\n":
            self.close()
            raise Unavailable("llm does not start; its message is above")

    def run(self, words, env, user, cwd, streams):
        env = env | {"LLM_USER_PATH": str(user)}
        stdin, stdout, stderr = map(str, streams)
        request = dict(argv=words, env=env, cwd=str(cwd), stdin=stdin, stdout=stdout, stderr=stderr)
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())

    def close(self):
        self.server.stdin.close()
        self.server.stdout.close()
        self.server.wait()


def install():
    """The folder with llm and what it needs; fetched by the first call. Raises Unavailable."""
    requirements = HERE / "requirements.txt"
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache = (
        pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        / "hob-llm-compat"
    )
    folder = cache / key
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        fresh = pathlib.Path(tempfile.mkdtemp(dir=cache))
    except OSError as error:
        raise Unavailable(str(error)) from None
    try:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        pip += [
            "--retries",
            "1",
            "--timeout",
            "15",
            "--target",
            str(fresh),
            "-r",
            str(requirements),
        ]
        done = subprocess.run(
            pip, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            lines = [
                line for line in done.stderr.splitlines() if "ERROR" in line
            ] or done.stderr.splitlines()
            raise Unavailable("pip cannot fetch llm: " + (lines[-1] if lines else "no message"))
        try:
            fresh.rename(folder)
        except OSError:  # another call was faster
            if not folder.is_dir():
                raise
        return folder
    finally:
        shutil.rmtree(fresh, ignore_errors=True)

"""Runs llm's command line again and again, each time in a process of its own, from one import.

Importing llm takes most of what a short command costs. So this process imports it once and forks
for every command: the child gets the environment, folder, standard streams and arguments of its own
and runs the same function as the installed `llm` does. Nothing that a command does outlives it.

Requests are lines of JSON on standard input: {argv, env, cwd, stdin, stdout, stderr}, the last
three being paths. The answer to each is the exit status on a line of its own; -N after signal N.
Needs Linux or another system with fork.
"""

import json
import os
import signal
import sys

import toy_embedder

SECONDS = 300  # a command that takes longer hangs


def main():
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    import llm.cli
    import llm.plugins

    llm.plugins.pm.register(toy_embedder)
    answers.write("ready\n")
    answers.flush()
    while line := requests.readline():
        child = os.fork()
        if child == 0:
            run(json.loads(line), llm.cli.cli)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        answers.write(f"{status}\n")
        answers.flush()


def run(request, command):
    """In the child; does not return."""
    signal.alarm(SECONDS)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, path in enumerate((request["stdin"], request["stdout"], request["stderr"])):
        os.dup2(os.open(path, os.O_RDONLY if number == 0 else flags, 0o600), number)
    sys.argv = ["llm", *request["argv"]]
    status = 0
    try:
        command(prog_name="llm")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # what an uncaught exception does to the installed program
        sys.excepthook(*sys.exc_info())
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()

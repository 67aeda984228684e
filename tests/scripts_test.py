"""Tests of ./hob, ./check and the stages they share, in a small project of the same shape.

The project's program is one C file that prints its arguments, so a whole set-up takes a second. The
packages of its packages.txt are installed wherever these tests run; where packages are to be
missing, programs of the test's own stand first in PATH.
"""

import hashlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import statistics
import stat
import subprocess
import tempfile
import time
import unittest

# Whoever runs the tests in the background may have them ignore Ctrl-C, and children would too;
# with a handler of our own they start with the default again.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHIPPED = [
    "hob",
    "check",
    ".ci/run",
    "tools/setup",
    "tools/stages.sh",
    "tools/fetch-model",
    "tools/run-tests",
]
NOBODY = pwd.getpwnam("nobody").pw_uid
MODEL = b"model"
MODEL_SHA256 = hashlib.sha256(MODEL).hexdigest()

FILES = {
    "packages.txt": "# what a build needs\ncmake\nninja-build\n\n",
    "tools/default-model": (
        f"model_file=tiny.gguf\nmodel_sha256={MODEL_SHA256}\nmodel_bytes=5\nwheel_package=tiny\n"
        f"wheel_file=tiny-1-py3-none-any.whl\nwheel_sha256={MODEL_SHA256}\nwheel_bytes=5\n"
        "wheel_member=tiny\n"
    ),
    "tools/embedding-model": (
        f"model_file=tiny/vectors\nmodel_sha256={MODEL_SHA256}\nmodel_bytes=5\n"
        "wheel_package=tiny\nwheel_file=tiny-1-py3-none-any.whl\n"
        f"wheel_sha256={MODEL_SHA256}\nwheel_bytes=5\nwheel_member=tiny\n"
    ),
    "CMakeLists.txt": """
cmake_minimum_required(VERSION 3.25)
project(hob LANGUAGES C)
option(HOB_TESTS "" ON)
file(GLOB sources CONFIGURE_DEPENDS src/*.c)
add_executable(hob ${sources})
if(HOB_TESTS)
  enable_testing()
  add_test(NAME Program.Runs COMMAND hob)
  add_test(NAME Program.Fails COMMAND hob --status 1)
endif()
""",
    "src/main.c": r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++) printf("<%s>", argv[i]);
  printf("\n");
  for (int c; argc == 1 && (c = getchar()) != EOF;) putchar(c);
  return argc == 3 && !strcmp(argv[1], "--status") ? atoi(argv[2]) : 0;
}
""",
    "rust/lib.rs": "",
    "tests/tiny_test.py": """
import unittest
class Tiny(unittest.TestCase):
    def test_right(self): pass
    def test_skipped(self): self.skipTest("for a reason")
""",
}


class ScriptsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hob scripts ")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.folder.chmod(0o755)
        self.root = self.folder / "check out"
        for name in SHIPPED:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.root / name)
        for name, text in FILES.items():
            self.write(name, text)
        self.home = self.folder / "home"
        (self.home / "models/tiny").mkdir(parents=True)
        (self.home / "models/tiny.gguf").write_bytes(MODEL)
        (self.home / "models/tiny/vectors").write_bytes(MODEL)
        self.environment = os.environ | {
            "HOB_HOME": str(self.home),
            "PIP_INDEX_URL": "http://127.0.0.1:1/simple",
            "CCACHE_DISABLE": "1",
        }

    def write(self, name, text):
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def start(self, *command, **options):
        options = {"env": self.environment, "stdin": subprocess.DEVNULL} | options
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )

    def run_hob(self, *arguments, program=None, **options):
        call = self.start(program or self.root / "hob", *arguments, **options)
        out, err = call.communicate(timeout=120)
        return call.returncode, out, err

    def assert_runs(self, *arguments, **options):
        status, out, err = self.run_hob(*arguments, **options)
        self.assertEqual((status, out), (0, "".join(f"<{a}>" for a in arguments) + "\n"), err)
        return err

    # --- the first call and the later ones ---

    def test_first_call_sets_up_and_later_ones_are_silent(self):
        err = self.assert_runs("two words", "", "*", "$HOME")
        self.assertRegex(err, r"hob: configuring the release build: done in \d+ s\n")
        self.assertRegex(err, r"hob: building \(release\): done in \d+ s\n")
        self.assertEqual(self.assert_runs("again"), "")

    def test_commands_about_embeddings_fetch_their_model(self):
        vectors = self.home / "models/tiny/vectors"
        vectors.unlink()
        self.environment["HOME"] = str(self.folder)
        self.assert_runs("chat")
        self.assertFalse(vectors.exists())
        self.assertIn("Error: ", self.assert_runs("similar", "docs", "1"))  # nobody has it
        elsewhere = self.folder / "elsewhere/tiny"
        elsewhere.mkdir(parents=True)
        (elsewhere / "vectors").write_bytes(MODEL)
        self.environment["HOB_MODELS"] = str(elsewhere.parent)
        self.assertEqual(self.assert_runs("embed", "-c", "text"), "")
        self.assertEqual(vectors.read_bytes(), MODEL)

    def test_status_and_input_are_the_programs(self):
        with tempfile.TemporaryFile("w+") as text:
            text.write("from a pipe")
            text.seek(0)
            for _ in range(2):  # a set-up leaves the input alone
                self.assertEqual(self.run_hob(stdin=text)[:2], (0, "\nfrom a pipe"))
                text.seek(0)
        self.assertEqual(self.run_hob("--status", "7"), (7, "<--status><7>\n", ""))

    def test_later_calls_cost_under_30_ms(self):
        for n in range(300):  # as many sources as a grown tree
            self.write(f"src/part{n % 15}/file{n}.h", "")
        self.assert_runs("x")

        def seconds(program):
            began = time.perf_counter()
            subprocess.run(
                [program, "x"], stdout=subprocess.DEVNULL, env=self.environment, check=True
            )
            return time.perf_counter() - began

        pairs = [
            (seconds(self.root / "hob"), seconds(self.root / "build/release/hob"))
            for _ in range(41)
        ]
        extra = statistics.median(hob - alone for hob, alone in pairs)
        self.assertLess(extra, 0.030)

    def test_from_another_folder_and_through_symlinks(self):
        link = self.folder / "bin link"
        link.symlink_to(self.root / "hob")
        second = self.folder / "second"
        second.symlink_to("bin link")
        self.assert_runs("x", program=second, cwd="/")
        self.assert_runs("x", program=link, cwd="/")
        self.assert_runs("x", program="./hob", cwd=self.root)
        self.assert_runs("x", program="check out/hob", cwd=self.folder)

    def test_without_home(self):
        self.assert_runs("x")
        del self.environment["HOME"]
        self.assert_runs("x")

    # --- changes ---

    def test_changed_new_and_removed_sources_are_built(self):
        self.assert_runs("x")
        self.write("src/main.c", FILES["src/main.c"].replace('"<%s>"', '"[%s]"'))
        self.assertEqual(self.run_hob("x")[:2], (0, "[x]\n"))
        self.write("src/more.c", "int more(void) { return 1; }")
        self.assertIn("building", self.run_hob("x")[2])
        (self.root / "src/more.c").unlink()
        self.assertIn("building", self.run_hob("x")[2])
        self.assertEqual(self.run_hob("x"), (0, "[x]\n", ""))

    def test_a_build_that_fails_shows_why_and_can_be_mended(self):
        self.write("src/main.c", "int main(void) { return undefined_name; }")
        status, out, err = self.run_hob("x")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("undefined_name", err)
        self.assertIn("build/release-build.log", err)
        self.write("src/main.c", FILES["src/main.c"])
        self.assert_runs("x")

    def test_a_moved_checkout_builds_anew(self):
        self.assert_runs("x")
        self.root = self.root.rename(self.folder / "moved")
        self.assertEqual(self.assert_runs("x"), "")
        (self.root / "src/main.c").touch()
        self.assert_runs("x")

    # --- trouble ---

    def test_calls_at_once_take_turns(self):
        calls = [self.start(self.root / "hob", str(n)) for n in range(4)]
        results = [(call.communicate(timeout=120), call.returncode) for call in calls]
        for n, ((out, err), status) in enumerate(results):
            self.assertEqual((status, out), (0, f"<{n}>\n"), err)
        self.assertIn("waiting for it", "".join(err for (_, err), _ in results))

    def test_interrupted_and_called_again(self):
        slow = "add_custom_target(slow COMMAND sleep 30)\nadd_dependencies(hob slow)\n"
        self.write("CMakeLists.txt", FILES["CMakeLists.txt"] + slow)
        call = self.start(self.root / "hob", "x", start_new_session=True)
        while not (self.root / "build/release-build.log").exists():
            self.assertIsNone(call.poll())
            time.sleep(0.02)
        time.sleep(0.3)
        os.killpg(call.pid, signal.SIGINT)  # as the terminal does
        out, err = call.communicate(timeout=20)
        self.assertNotEqual(call.returncode, 0)
        self.assertEqual(out, "")
        self.assertNotIn("failed", err)
        self.write("CMakeLists.txt", FILES["CMakeLists.txt"])
        self.assert_runs("x")

    def test_a_checkout_that_cannot_be_written(self):
        if os.getuid() != 0:
            self.skipTest("only root can become somebody who may not write")
        status, out, err = self.run_hob("x", user=NOBODY)
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, r"\Ahob: \S.*/build cannot be written")
        self.assert_runs("x")  # root builds, and everybody may run
        self.assertEqual(self.assert_runs("x", user=NOBODY), "")

    def test_a_model_that_cannot_be_fetched_does_not_stop_the_rest(self):
        self.environment["HOB_HOME"] = str(self.folder / "elsewhere")
        self.environment["HOME"] = str(self.folder)
        err = self.assert_runs("x")
        self.assertRegex(err, r"Error: .*127\.0\.0\.1:1/simple/tiny/.*refused")
        self.assertIn("-m FILE", err)

    def test_the_model_of_another_folder_is_taken(self):
        self.environment["HOB_HOME"] = str(self.folder / "elsewhere")
        self.environment["HOB_MODELS"] = str(self.folder)
        (self.folder / "tiny.gguf").write_bytes(MODEL)
        self.assert_runs("x")
        self.assertEqual((self.folder / "elsewhere/models/tiny.gguf").read_bytes(), MODEL)

    # --- packages ---

    def programs(self, **scripts):
        """Puts into PATH only the system's programs without its packaging ones, and these scripts."""
        folder = self.folder / "programs"
        folder.mkdir()
        for place in ("/bin", "/usr/bin"):
            for program in os.scandir(place):
                if (
                    program.name not in ("sudo", "apt-get", "dpkg-query")
                    and not (folder / program.name).exists()
                ):
                    (folder / program.name).symlink_to(program.path)
        for name, script in scripts.items():
            file = folder / name.replace("_", "-")
            file.unlink(missing_ok=True)
            file.write_text("#!/bin/sh\n" + script)
            file.chmod(0o755)
        self.environment["PATH"] = str(folder)

    def test_missing_packages_are_installed_and_only_those(self):
        said = self.folder / "said"
        self.programs(
            apt_get=f'echo "$@" >>"{said}"; echo "Setting up $*"',
            dpkg_query="echo installed cmake; echo config-files ninja-build",
            id="echo 0",
            cargo="echo cargo 1.90.0",
        )
        self.write("packages.txt", "cmake\nninja-build\nrustc-web unless cargo\nlibx-dev\n")
        err = self.assert_runs("x")
        self.assertIn("hob: installing 2 Debian packages: done", err)
        update, install = said.read_text().splitlines()
        self.assertTrue(update.endswith("update"))
        self.assertTrue(
            install.endswith(" install -y --no-install-recommends ninja-build libx-dev"), install
        )

    def test_a_cargo_that_does_not_serve_is_not_relied_on(self):
        if pathlib.Path("/usr/bin/cargo").exists():
            self.skipTest("this machine has Debian's own cargo, which serves")
        for cargo in ("exit 1", "echo cargo 1.63.0", "echo cargo 0.66.0"):
            with self.subTest(cargo):
                self.programs(
                    apt_get='echo "E: no $*"; exit 100', dpkg_query=":", id="echo 0", cargo=cargo
                )
                self.environment["HOME"] = str(self.folder)
                self.write("packages.txt", "rustc-web unless cargo\n")
                status, _, err = self.run_hob("x")
                self.assertEqual(status, 1)
                self.assertIn("E: no", err)
                self.assertIn("rustc-web", err)
                shutil.rmtree(self.folder / "programs")

    def test_without_root_the_command_to_run_is_named(self):
        self.programs(
            apt_get="exit 1",
            dpkg_query="echo installed cmake",
            id="echo 1000",
            cargo="echo cargo 1.90.0",
        )
        status, out, err = self.run_hob("x")
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, r"apt-get install --no-install-recommends ninja-build\n")

    def test_with_sudo_it_is_used(self):
        self.programs(
            apt_get="true",
            dpkg_query="echo installed cmake",
            id="echo 1000",
            cargo="echo cargo 1.90.0",
            sudo=f'echo "$*" >>"{self.folder}/said"; [ "$1" = -n ] || exec "$@"',
        )
        self.assert_runs("x")
        self.assertRegex(
            (self.folder / "said").read_text(),
            r"-n true\nenv .*apt-get.* update\nenv .*ninja-build\n",
        )

    def test_a_system_without_apt_is_told_what_is_missing(self):
        self.programs(cargo="echo cargo 1.90.0")
        self.assert_runs("x")  # all is there
        (self.folder / "programs/ninja").unlink()
        (self.root / "src/main.c").touch()
        status, _, err = self.run_hob("x")
        self.assertEqual(status, 1)
        self.assertRegex(err, r"Not found: ninja\.")

    # --- a terminal ---

    def test_on_a_terminal_one_line_is_updated(self):
        command = f"{str(self.root / 'hob')!r} x"
        done = subprocess.run(
            ["script", "-qec", command, "/dev/null"],
            stdout=subprocess.PIPE,
            env=self.environment,
            check=True,
        )
        out = done.stdout.decode()
        self.assertIn("\r\033[Khob: building (release): [", out)
        shown = out.replace("\r\n", "\n").split("\n")
        left = "\n".join(line.rpartition("\r\033[K")[2] for line in shown)
        self.assertRegex(left, r"configuring.*done in \d+ s\n.*building.*done in \d+ s\n<x>\n\Z")

    # --- ./check ---

    def run_check(self, *arguments, program="check"):
        call = self.start(self.root / program, *arguments, cwd="/")
        out, err = call.communicate(timeout=120)
        return call.returncode, out, err

    def test_check_sums_all_runners(self):
        status, out, err = self.run_check(program=".ci/run")
        self.assertEqual(out.splitlines()[-1], "3 passed, 2 failed", out + err)
        self.assertEqual(status, 1)
        self.assertIn("FAILED check: Program.Fails", out)
        self.assertIn("FAILED asan: Program.Fails", out)
        self.assertIn("scripts: 1 passed, 0 failed, 1 skipped", out)

    def test_check_chooses_by_name_whatever_the_case(self):
        status, out, err = self.run_check("program.r|TEST_right")
        self.assertEqual((status, out.splitlines()[-1]), (0, "3 passed, 0 failed"), out + err)
        status, out, _ = self.run_check("no such test")
        self.assertEqual((status, out.splitlines()[-1]), (1, "0 passed, 0 failed"))

    def test_check_counts_a_broken_build_as_a_failure(self):
        self.write("src/main.c", "int main(void) { return undefined_name; }")
        status, out, err = self.run_check()
        self.assertEqual((status, out.splitlines()[-1]), (1, "1 passed, 2 failed"), out + err)
        self.assertIn("undefined_name", err)

    def test_check_counts_a_missing_model_as_a_failure(self):
        (self.home / "models/tiny.gguf").unlink()
        self.environment["HOME"] = str(self.folder)
        status, out, err = self.run_check("test_right")
        self.assertEqual((status, out.splitlines()[-1]), (1, "1 passed, 1 failed"), out + err)

    def test_every_script_can_be_run(self):
        for name in SHIPPED:
            executable = bool((ROOT / name).stat().st_mode & stat.S_IXUSR)
            self.assertEqual(executable, not name.endswith(".sh"), name)

    def test_every_package_is_named_once(self):
        lines = [line.split() for line in (ROOT / "packages.txt").read_text().splitlines()]
        names = [words[0] for words in lines if words and not words[0].startswith("#")]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(all(re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", name) for name in names), names)


if __name__ == "__main__":
    unittest.main()

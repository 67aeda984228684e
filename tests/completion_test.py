"""The scripts of `hob completion` in real shells: bash always, zsh and fish where they are there.

HOB_BINARY (set by ./check) is the program under test.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True

HOB = os.environ.get("HOB_BINARY")


@unittest.skipUnless(HOB, "HOB_BINARY is not set")
class Completion(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="hob-completion-")
        self.home = pathlib.Path(self.folder.name)
        bin_folder = self.home / "bin"
        bin_folder.mkdir()
        (bin_folder / "hob").symlink_to(pathlib.Path(HOB).resolve())
        (self.home / "models").mkdir()
        for name in ("little-model", "odd name"):
            (self.home / "models" / f"{name}.gguf").write_bytes(b"x")
        (self.home / "templates").mkdir()
        (self.home / "templates/summary.yaml").write_text("prompt: x")
        (self.home / "notes.txt").write_text("x")
        self.environment = {
            "PATH": f"{bin_folder}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "HOB_HOME": str(self.home),
            "LLM_USER_PATH": str(self.home),
            "TERM": "dumb",
        }

    def tearDown(self):
        self.folder.cleanup()

    def run_shell(self, *command):
        done = subprocess.run(
            command, cwd=self.home, env=self.environment, capture_output=True, text=True, timeout=60
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def bash(self, line, words):
        """COMPREPLY for a line whose words, as Readline cuts them, are given."""
        script = f"""
            eval "$(hob completion bash)"
            complete -p hob > complete.txt
            COMP_WORDS=({" ".join(words)}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
            COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}
            _hob hob
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        out = self.run_shell("bash", "--norc", "--noprofile", "-c", script)
        self.assertIn("-F _hob hob", (self.home / "complete.txt").read_text())
        return [line for line in out.splitlines() if line]

    def test_bash_commands(self):
        self.assertIn("chat", self.bash("hob ", ["hob", "''"]))
        self.assertEqual(["update"], self.bash("hob prices u", ["hob", "prices", "u"]))

    def test_bash_flags(self):
        self.assertEqual(["--since"], self.bash("hob cost --si", ["hob", "cost", "--si"]))

    def test_bash_live_values(self):
        self.assertEqual(["little-model"], self.bash("hob -m lit", ["hob", "-m", "lit"]))
        self.assertEqual(["odd\\ name"], self.bash("hob -m odd", ["hob", "-m", "odd"]))
        # Readline cuts at '=': only what is behind it is replaced.
        self.assertEqual(
            ["little-model"], self.bash("hob --model=lit", ["hob", "--model", "=", "lit"])
        )

    def test_bash_files_beside_values(self):
        (self.home / "models/newcomer.gguf").write_bytes(b"x")
        (self.home / "new folder").mkdir()
        self.assertEqual(
            ["newcomer", "new\\ folder/"], self.bash("hob -m new", ["hob", "-m", "new"])
        )

    def test_bash_a_model_that_comes_is_there_at_once(self):
        (self.home / "models/newcomer.gguf").write_bytes(b"x")
        self.assertEqual(["newcomer"], self.bash("hob -m new", ["hob", "-m", "new"]))

    def test_bash_inside_an_interactive_shell(self):
        """Through Readline itself: what is typed, then the Tab key, then what the line became."""
        import pty

        pid, master = pty.fork()
        if pid == 0:
            os.chdir(self.home)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], self.environment)
        try:
            self.type(master, 'eval "$(hob completion bash)"; PS1=\n')
            self.type(master, "echo >out.txt hob; hob pri\t show grok-cod\t >>out.txt\n")
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                out = self.home / "out.txt"
                if out.is_file() and "grok-code-fast-1" in out.read_text():
                    break
                time.sleep(0.1)
            self.assertIn("grok-code-fast-1: Grok Code Fast 1", (self.home / "out.txt").read_text())
            self.type(master, "exit\n")
        finally:
            os.close(master)
            os.waitpid(pid, 0)

    def type(self, master, text):
        os.write(master, text.encode())
        time.sleep(0.5)

    @unittest.skipUnless(shutil.which("zsh"), "no zsh here")
    def test_zsh(self):
        script = """
            autoload -Uz compinit && compinit -u -d "$HOME/.zcompdump"
            eval "$(hob completion zsh)"
            functions _hob >/dev/null && print ${_comps[hob]}
            _describe() { print -l -- "${(@P)3}" }; _files() { print FILES }
            _call_program() { shift; eval "$@" }
            words=(hob -m lit); CURRENT=3; _hob
            words=(hob prices update ''); CURRENT=4; _hob
        """
        out = self.run_shell("zsh", "-f", "-c", script).splitlines()
        self.assertEqual("_hob", out[0])
        self.assertIn("little-model", out)
        self.assertIn("FILES", out)

    @unittest.skipUnless(shutil.which("fish"), "no fish here")
    def test_fish(self):
        script = "hob completion fish | source; complete -C 'hob -m lit'; complete -C 'hob prices u'"
        out = self.run_shell("fish", "--no-config", "-c", script)
        self.assertIn("little-model", out)
        self.assertIn("update\t", out)

    def test_another_shell_is_refused_by_name(self):
        done = subprocess.run([HOB, "completion", "tcsh"], capture_output=True, text=True)
        self.assertEqual(1, done.returncode)
        self.assertEqual("Error: 'tcsh' is none of bash, zsh, fish\n", done.stderr)

    def test_the_tab_key_is_quick(self):
        began = time.monotonic()
        for _ in range(5):
            done = subprocess.run(
                [HOB, "__complete", "line", "hob -m "],
                env=self.environment, capture_output=True, text=True,
            )  # fmt: skip
            self.assertEqual((0, ""), (done.returncode, done.stderr))
            self.assertIn("little-model\n", done.stdout)
        # A person notices a tenth of a second; a busy machine gets ten times that.
        self.assertLess((time.monotonic() - began) / 5, 1.0)


if __name__ == "__main__":
    unittest.main()

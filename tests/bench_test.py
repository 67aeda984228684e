"""Tests of what bench/ computes: figures, plans, tables, pictures, random models. Nothing here is
timed and no peer is needed; hob itself (HOB_BINARY, set by ./check) reads the random models."""

import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
sys.dont_write_bytecode = True

from versus import cells, figures, jobs, machine, models, peers, picture, random_gguf, report, rounds
from versus.figures import Target
from versus.jobs import Failed, Job, Sample

HOB = os.environ.get("HOB_BINARY")


class FakeJob(Job):
    """Yields its command's numbers, one per round; 'fails' fails."""

    def run(self, under=()):
        LOG.append(self)
        word = self.command[min(LOG.count(self), len(self.command)) - 1]
        if word == "fails":
            raise Failed("no such luck")
        return {"test": Sample(float(word), 50.0)}


LOG = []


def job(who, *numbers, variant=""):
    return FakeJob(who, variant, tuple(map(str, numbers)))


def cell(ours, *rivals, target=Target(2.0), **more):
    named = tuple((rival, "test") for rival in rivals)
    return cells.Cell("group", "title", ours, "test", named, target, **more)


def run(*all_cells, count=3):
    LOG.clear()
    return rounds.run(all_cells, count, (), lambda text: None)


ABOUT = {
    "cpu": {"model": "A <CPU>", "features": ["avx2"], "cores": 2, "usable_cores": 2},
    "memory_gb": 8,
    "kernel": "6.1",
    "date": "2026-11-24 12:00 UTC",
    "hob": "0123456789",
    "peers": {"llama.cpp": "llama.cpp of a-package 1.0"},
    "command": "bench/compare --hob /some/where/hob",
    "threads": 2,
    "rounds": 3,
}


def gathered(*all_cells, skipped=(), count=3):
    plan = cells.Plan(list(all_cells), list(skipped))
    return report.gather(plan, run(*all_cells, count=count), ABOUT)


class Figures(unittest.TestCase):
    def test_median_and_ratio_of_nothing_are_nothing(self):
        self.assertEqual(figures.median([3, 1, 2]), 2)
        self.assertIsNone(figures.median([]))
        self.assertEqual(figures.ratio(3, 2), 1.5)
        self.assertIsNone(figures.ratio(None, 2))
        self.assertIsNone(figures.ratio(3, None))

    def test_the_best_is_the_largest_or_the_smallest(self):
        named = [("a", 1), ("b", None), ("c", 3)]
        self.assertEqual(figures.best(named), ("c", 3))
        self.assertEqual(figures.best(named, less_is_better=True), ("a", 1))
        self.assertEqual(figures.best([("b", None)]), (None, None))

    def test_targets(self):
        self.assertTrue(Target(1.2).reached(1.2, None))
        self.assertFalse(Target(1.2).reached(1.1, 95))
        self.assertTrue(Target(1.2, or_percent=90).reached(1.1, 95))
        self.assertTrue(Target(0.5, less_is_better=True).reached(0.4, None))
        self.assertFalse(Target(0.5, less_is_better=True).reached(0.6, None))
        self.assertEqual(Target(0.5, less_is_better=True).text(), "<= 0.5")
        self.assertEqual(Target(1.2, or_percent=90).text(), ">= 1.2 or 90 %")

    def test_what_is_near_the_best_is_measured_again(self):
        self.assertTrue(figures.worth_another_round(90, 100))
        self.assertFalse(figures.worth_another_round(80, 100))
        self.assertTrue(figures.worth_another_round(1.1, 1.0, less_is_better=True))
        self.assertFalse(figures.worth_another_round(1.3, 1.0, less_is_better=True))
        self.assertFalse(figures.worth_another_round(None, 1.0))


class Rounds(unittest.TestCase):
    def test_rounds_are_interleaved_and_shared_jobs_run_once(self):
        ours, theirs = job("hob", 4), job("peer", 2)
        run(cell(ours, theirs), cell(ours, theirs), count=2)
        self.assertEqual(LOG, [ours, theirs, ours, theirs])

    def test_a_way_that_is_not_the_best_is_left_after_the_first_round(self):
        ours, good, poor = job("hob", 4), job("peer", 3, variant="x"), job("peer", 1, variant="y")
        other = job("another peer", 1)  # poor as well, but its own best
        run(cell(ours, good, poor, other), count=3)
        counts = [LOG.count(one) for one in (ours, good, poor, other)]
        self.assertEqual(counts, [3, 3, 1, 3])

    def test_medians_over_rounds_and_the_better_peer(self):
        found = gathered(cell(job("hob", 5, 9, 6), job("a", 2, 2, 3), job("b", 1, 1, 1)))
        (only,) = found["cells"]
        self.assertEqual(only["ours"]["median"], 6)
        self.assertEqual(only["better_rival"], "a")
        self.assertEqual(only["ratio"], 3)
        self.assertTrue(only["reached"])

    def test_less_can_be_better(self):
        less = Target(0.5, less_is_better=True)
        found = gathered(cell(job("hob", 2), job("a", 9), job("b", 5), target=less, unit="s"))
        (only,) = found["cells"]
        self.assertEqual(only["better_rival"], "b")
        self.assertEqual(only["ratio"], 0.4)
        self.assertTrue(only["reached"])

    def test_a_failure_is_reported_and_not_tried_again(self):
        ours, broken = job("hob", 4), job("peer", "fails")
        found = gathered(cell(ours, broken))
        self.assertEqual(LOG.count(broken), 1)
        self.assertIsNone(found["cells"][0]["reached"])
        self.assertIn("no such luck", report.text(found))
        self.assertIn("not measured", report.text(found))


class Reading(unittest.TestCase):
    def test_names_of_tests_are_the_same_for_all(self):
        common = {"samples_ts": [3.0, 1.0, 2.0]}
        llama = [
            common | {"n_prompt": 512, "n_gen": 0, "n_depth": 0},
            common | {"n_prompt": 0, "n_gen": 128, "n_depth": 0},
            common | {"n_prompt": 0, "n_gen": 32, "n_depth": 8192},
        ]
        self.assertEqual(list(jobs.read_bench(llama)), ["pp512", "tg128", "tg32@8192"])
        self.assertEqual(jobs.read_bench(llama)["pp512"], Sample(2.0))
        forked = [common | {"n_prompt": 8192, "n_gen": 32, "test": "tg32@pp8192"}]
        self.assertEqual(list(jobs.read_bench(forked)), ["tg32@8192"])
        own = [{"test": "tg64x8", "tokens_per_second": 9, "runs": [8, 9, 12], "percent_of_limit": 7}]
        self.assertEqual(jobs.read_bench(own), {"tg64x8": Sample(9, 7)})

    def bench(self, script):
        return jobs.BenchJob("peer", "", (sys.executable, "-c", script)).run()

    def test_a_program_that_fails_says_why(self):
        with self.assertRaisesRegex(Failed, "status 3: out of luck"):
            self.bench("import sys; print('x\\nout of luck', file=sys.stderr); sys.exit(3)")
        with self.assertRaisesRegex(Failed, "not the expected JSON"):
            self.bench("print('{')")
        self.assertEqual(self.bench("print('[]')"), {})

    def test_launch_needs_a_reply(self):
        launch = lambda script: jobs.LaunchJob("hob", "", (sys.executable, "-c", script)).run()
        self.assertGreater(launch("print('x')")["launch"].value, 0)
        with self.assertRaises(Failed):
            launch("")

    def test_memory_is_what_no_file_stands_behind(self):
        script = "import time; block = bytearray(b'x' * 50_000_000); time.sleep(0.2)"
        samples = jobs.MemoryJob("hob", "", (sys.executable, "-c", script)).run()
        self.assertGreater(samples["memory"].value, 50)
        self.assertEqual(jobs.private_bytes(2**30), 0)  # no such process


class Plans(unittest.TestCase):
    def settings(self, **more):
        return cells.Settings(hob="hob", **({"kind": "amx", "native": True} | more))

    def test_every_group_has_targets_for_every_kind_of_machine(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in models.PUBLISHED.values():
                pathlib.Path(folder, name).touch()
            old = {key: os.environ.get(key) for key in ("HOB_MODELS", "HOB_PEERS")}
            os.environ |= {"HOB_MODELS": folder, "HOB_PEERS": folder}
            try:
                (pathlib.Path(folder) / "random-models").mkdir()
                for model in (models.LONG_CONTEXT, *models.BY_TYPE.values()):
                    (pathlib.Path(folder) / "random-models" / f"{model.name}.gguf").touch()
                groups = [name for name in cells.GROUPS if name not in ("launch", "memory")]
                with_tiles = cells.plan(self.settings(), groups)
                without = cells.plan(self.settings(kind="avx512"), groups)
                plainest = cells.plan(self.settings(kind="avx2", native=False), groups)
                portable = cells.plan(self.settings(native=False), groups)
            finally:
                for key, value in old.items():
                    os.environ.pop(key) if value is None else os.environ.update({key: value})
        targets = {one.title: one.target.ratio for one in with_tiles.cells}
        self.assertEqual(targets["pp512 SmolLM2"], 2.5)
        self.assertEqual(targets["pp512 SmolLM2 native"], 4)
        self.assertEqual(targets["pp512, 1 thread Qwen2.5-Coder native"], 4)
        self.assertEqual(targets["tg128, AVX2 SmolLM2"], 1.1)
        self.assertEqual({one.group for one in with_tiles.cells}, set(groups))
        self.assertEqual({one.title: one.target.ratio for one in without.cells}["pp8192 native"], 2)
        targets = {one.title: one.target.ratio for one in plainest.cells}
        self.assertEqual(targets["pp512 SmolLM2"], 1.3)
        self.assertEqual(targets["tg128, 1 thread Qwen2.5-Coder"], 1.1)
        self.assertFalse([title for title in targets if "AVX2" in title])
        self.assertEqual(plainest.skipped[0][0], "AVX2 alone")
        self.assertFalse([one for one in portable.cells if "native" in one.title])
        self.assertEqual(len(with_tiles.cells), len({one.title for one in with_tiles.cells}))
        self.assertEqual(with_tiles.builds, set(peers.BUILDS))
        self.assertFalse(with_tiles.skipped)

    def test_a_missing_model_is_named(self):
        old = os.environ.get("HOME")
        with tempfile.TemporaryDirectory() as folder:
            changed = {"HOME": folder, "HOB_HOME": folder, "HOB_MODELS": ""}
            before = {key: os.environ.get(key) for key in changed}
            os.environ |= changed
            try:
                plan = cells.plan(self.settings(), ["pp512"])
            finally:
                for key, value in before.items():
                    os.environ.pop(key) if value is None else os.environ.update({key: value})
        self.assertEqual(old, os.environ.get("HOME"))
        self.assertFalse(plan.cells)
        self.assertIn("smollm2", plan.skipped[0][1])


class Reports(unittest.TestCase):
    def found(self):
        itself = cell(job("hob", 6), job("hob", 2, variant="alone"))
        return gathered(
            cell(job("hob", 6), job("llama.cpp", 2), job("ik_llama.cpp", 4)),
            itself,
            skipped=[("what", "no file")],
            count=1,
        )

    def test_text(self):
        text = report.text(self.found())
        row = next(line for line in text.splitlines() if line.startswith("title"))
        self.assertRegex(row, r"^title +6 t/s +2 +4 +1\.50 +>= 2 +missed +50 %$")
        self.assertIn("hob: 2", text)
        self.assertIn("left out: what: no file", text)
        self.assertIn("A <CPU>, 2 cores (avx2), 8 GB", text)

    def test_json_is_complete(self):
        found = self.found()
        self.assertEqual(json.loads(json.dumps(found)), found)
        self.assertEqual(found["cells"][0]["rivals"][1]["rounds"], [4])

    def test_files_and_the_published_page(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            report.write(self.found(), folder)
            self.assertEqual(json.loads((folder / "compare.json").read_text()), self.found())
            page = folder / "performance.md"
            begin, end = report.markers("avx2")
            page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
            report.publish(self.found(), folder)
            text = page.read_text()
            self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n"))
            self.assertNotIn("old", text)
            self.assertIn("(performance-avx2.svg)", text)
            self.assertTrue((folder / "performance-avx2.svg").is_file())
            self.assertNotIn("/some/where", text)
            self.assertIn("| title | 6 t/s | 2 | 4 | 1.50 | >= 2 | missed | 50 % |", text)
            page.write_text("no markers\n")
            with self.assertRaises(ValueError):
                report.publish(self.found(), folder)

    def test_this_repositorys_page_has_the_markers(self):
        text = (ROOT / "docs/performance.md").read_text()
        for kind in machine.KINDS:
            begin, end = report.markers(kind)
            self.assertLess(text.index(begin), text.index(end))

    def test_the_picture_is_well_formed_and_to_scale(self):
        image = xml.etree.ElementTree.fromstring(picture.svg(self.found()))
        bars = [
            float(element.get("width"))
            for element in image.iter("{http://www.w3.org/2000/svg}rect")
            if element.get("height") == "14"
        ]
        self.assertEqual(len(bars), 2)
        self.assertAlmostEqual(bars[1] / bars[0], 2, places=2)  # 3 times against 1.5 times
        self.assertIn("A <CPU>", "".join(image.itertext()))

    def test_a_picture_of_nothing_measured(self):
        found = gathered(cell(job("hob", "fails"), job("llama.cpp", 2)), count=1)
        self.assertIn("not measured", picture.svg(found))


class Machine(unittest.TestCase):
    CPUINFO = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 amx_tile amx_int8 amx_bf16\n"

    def test_cpu(self):
        cpu = machine.cpu(self.CPUINFO + "\nprocessor\t: 1\n")
        self.assertEqual(cpu["model"], "Some CPU")
        self.assertEqual(cpu["features"], ["avx2", "amx_tile", "amx_int8", "amx_bf16"])
        self.assertEqual(cpu["cores"], 2)
        self.assertEqual(machine.kind(cpu["features"]), "amx")
        self.assertEqual(machine.kind(["avx512f", "avx512_vnni", "avx512_bf16"]), "avx512")
        self.assertEqual(machine.kind(["avx2", "amx_tile", "avx512f"]), "avx2")


class Peers(unittest.TestCase):
    def test_the_tile_configuration_is_mended(self):
        with tempfile.TemporaryDirectory() as name:
            file = pathlib.Path(name, "ggml/src/ggml-cpu/amx/mmq.cpp")
            file.parent.mkdir(parents=True)
            file.write_text("    _tile_loadconfig(&tc);\n")
            peers._mend_tile_configuration(pathlib.Path(name))
            self.assertEqual(file.read_text(), '    asm volatile("ldtilecfg %0" : : "m"(tc));\n')

    def test_an_avx2_build_asks_for_nothing_newer(self):
        for name, build in peers.BUILDS.items():
            options = " ".join(build.options)
            self.assertEqual("NATIVE=ON" in options, "avx2" not in name)
            self.assertNotRegex(options, "AVX512[A-Z0-9_]*=ON")

    def test_an_existing_build_is_used_as_it_is(self):
        with tempfile.TemporaryDirectory() as name:
            old, os.environ["HOB_PEERS"] = os.environ.get("HOB_PEERS"), name
            try:
                program = peers.program("ik_llama.cpp", "llama-bench")
                program.parent.mkdir(parents=True)
                program.touch()
                peers.ensure("ik_llama.cpp", say=self.fail)
            finally:
                os.environ.pop("HOB_PEERS") if old is None else os.environ.update(HOB_PEERS=old)
            self.assertEqual(program, pathlib.Path(name, "ik_llama.cpp-build/bin/llama-bench"))


SMALL = random_gguf.Shape(
    layers=1, width=256, heads=4, kv_heads=2, ffn=256, vocabulary=512, context=64
)


class RandomGguf(unittest.TestCase):
    def write(self, folder, type_name, **more):
        path = pathlib.Path(folder, f"{type_name}.gguf")
        random_gguf.write(path, SMALL, type_name, **more)
        return path

    def test_the_same_arguments_give_the_same_file(self):
        with tempfile.TemporaryDirectory() as folder:
            first = self.write(folder, "Q4_K").read_bytes()
            self.assertEqual(first, self.write(folder, "Q4_K").read_bytes())
            self.assertNotEqual(first, self.write(folder, "Q4_K", seed=1).read_bytes())

    def test_scales_are_normal_halves(self):
        import random

        draw = random.Random(1)
        for name, at in {"Q4_0": 0, "Q5_1": 0, "Q8_0": 0, "Q4_K": 0, "Q5_K": 0, "Q6_K": 208}.items():
            block = random_gguf.WEIGHT_TYPES[name].block(draw)
            (scale,) = struct.unpack_from("<e", block, at)
            self.assertGreater(abs(scale), 2**-14, name)

    def test_shapes_that_do_not_fit_are_refused(self):
        odd = random_gguf.Shape(layers=1, width=96, heads=3, kv_heads=3, ffn=96, vocabulary=512)
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(ValueError, "no multiple of 256"):
                random_gguf.write(pathlib.Path(folder, "x"), odd, "Q6_K")
            tiny = random_gguf.Shape(vocabulary=100)
            with self.assertRaisesRegex(ValueError, "no room"):
                random_gguf.write(pathlib.Path(folder, "x"), tiny, "Q4_0")

    @unittest.skipUnless(HOB, "HOB_BINARY names no hob")
    def test_hob_runs_every_type(self):
        for name in random_gguf.WEIGHT_TYPES:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                path = self.write(folder, name)
                command = [HOB, "-m", path, "--raw", "--json", "--tokens", "3", "-o", "temperature", "0"]
                done = subprocess.run([*command, "the"], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(json.loads(done.stdout)[0]["output_tokens"], 3)
                inspected = subprocess.run([HOB, "inspect", path], capture_output=True, text=True)
                self.assertIn(name, inspected.stdout)


class CommandLine(unittest.TestCase):
    def test_mistakes_are_named(self):
        for program, words in {
            "compare": ["--only", "pp513"],
            "peers": ["gemma.cpp"],
            "random-gguf": ["out", "--type", "Q9"],
        }.items():
            command = [sys.executable, ROOT / "bench" / program, *words]
            done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, program)
            self.assertIn(words[-1], done.stderr)

    def test_an_earlier_run_is_shown_again(self):
        with tempfile.TemporaryDirectory() as name:
            found = gathered(cell(job("hob", 6), job("llama.cpp", 2)), count=1)
            saved = pathlib.Path(name, "saved.json")
            saved.write_text(json.dumps(found))
            command = [sys.executable, ROOT / "bench/compare", "--render", saved, "--out", name]
            done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.rstrip("\n"), report.text(found))


if __name__ == "__main__":
    unittest.main()

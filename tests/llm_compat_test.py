"""hob beside simonw's llm: every case of llm_compat/cases is a test.

hob is compared with llm's recorded answers, so that this needs no network. One test more fetches
llm itself and holds the recorded answers to it; where the package index does not answer, it skips
itself. HOB_BINARY (set by ./check) is the program under test. llm_compat/run does both from the
command line and shows the differences.
"""

import os
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "llm_compat"))

import case_file
import observe
import programs
import verdicts

HOB = os.environ.get("HOB_BINARY")
CASES = case_file.read(programs.HERE / "cases")
RECORDED = verdicts.read_answers()
INTENDED = verdicts.intended()


@unittest.skipUnless(HOB, "HOB_BINARY is not set")
class LlmCompatTest(unittest.TestCase):
    maxDiff = None
    figures = verdicts.Figures()

    @classmethod
    def tearDownClass(cls):
        if cls.figures.cases == len(CASES):  # not where some were picked
            share = cls.figures.commands_identical / cls.figures.commands
            assert share >= 0.95, f"only {share:.1%} of the command lines are identical"


def test_of(case):
    def test(self):
        self.assertIn(case.name, RECORDED, "no recorded answer: tests/llm_compat/run --record")
        observed = observe.observe(case, programs.Hob(HOB))
        self.figures.add(RECORDED[case.name], observed)
        complaint = verdicts.judge(case.name, RECORDED[case.name], observed, INTENDED)
        self.assertIsNone(complaint, f"\n{case.where}: {complaint}")

    return test


for one in CASES:
    setattr(LlmCompatTest, "test_" + one.name.replace("-", "_"), test_of(one))


class LlmCompatSuiteTest(unittest.TestCase):
    def test_the_table_names_cases(self):
        self.assertEqual(INTENDED.keys() - {case.name for case in CASES}, set())

    def test_the_answers_are_of_these_cases(self):
        self.assertEqual(list(RECORDED), [case.name for case in CASES])

    def test_there_are_enough(self):
        self.assertGreaterEqual(sum(len(case.commands) for case in CASES), 250)

    def test_no_difference_waits_to_be_mended(self):
        self.assertNotIn("not right yet", verdicts.TABLE.read_text(encoding="utf-8"))

    def test_figures(self):
        llm = ["$ x", "status 0", "| a", "$ y", "status 0", "file user/f", "| b"]
        figures = verdicts.Figures()
        figures.add(llm, llm)
        figures.add(llm, llm[:2] + ["| A"] + llm[3:])
        figures.add(llm, llm[:-1] + ["| B"])
        self.assertEqual((figures.cases, figures.cases_identical), (3, 1))
        # Of the third case both command lines may have made the file.
        self.assertEqual(
            (figures.commands, figures.commands_alike, figures.commands_identical), (6, 5, 3)
        )

    def test_a_difference_is_seen_and_so_is_one_that_went_away(self):
        llm = ["$ x", "status 0", "| a", "file user/f", "| b"]
        hob = ["$ x", "status 0", "| a", "file user/f", "| c"]
        self.assertIn("differs in files", verdicts.judge("n", llm, hob, {}))
        self.assertIsNone(verdicts.judge("n", llm, hob, {"n": {"files"}}))
        self.assertIn("differs in files", verdicts.judge("n", llm, hob, {"n": {"stdout"}}))
        self.assertIn("no difference any more", verdicts.judge("n", llm, llm, {"n": {"files"}}))

    def test_the_recorded_answers_are_llms(self):
        try:
            servers = [programs.Llm() for _ in range(verdicts.WORKERS)]
        except programs.Unavailable as reason:
            self.skipTest(str(reason))
        for server in servers:
            self.addCleanup(server.close)
        answers = verdicts.observe_all(CASES, servers)
        changed = [
            verdicts.judge(case.name, RECORDED[case.name], answers[case.name], {}) for case in CASES
        ]
        self.assertEqual([complaint for complaint in changed if complaint], [])


if __name__ == "__main__":
    unittest.main()

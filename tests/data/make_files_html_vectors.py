#!/usr/bin/env python3
"""make_files_html_vectors.py: what files-to-prompt 0.6 and strip-tags 0.6 answer; prints
files_html.json for tests/prompts_test.py.

    pip install files-to-prompt==0.6 strip-tags==0.6; python3 make_files_html_vectors.py

Folders are walked in the order of their names, where files-to-prompt leaves that to the file system
(hob: --sort).
"""

import json
import os
import pathlib
import tempfile

import files_to_prompt.cli
import strip_tags.cli
from click.testing import CliRunner

TREE = {
    "a.py": "print('a')\n",
    "b.txt": "no newline at the end",
    "crlf.txt": "one\r\ntwo\rthree\r\n",
    "empty.txt": "",
    "fence.md": "```\ncode\n```\n````x\n",
    "caf\u00e9.txt": "caf\u00e9 \u65e5\u672c\n\u2028end\x0bof\x1cit\n",
    ".hidden.txt": "hidden\n",
    ".gitignore": "*.log\n# comment\nbuild/\n  spaced.txt  \n!keep.log\n\n/rooted.txt\n",
    "x.log": "log\n",
    "keep.log": "keep\n",
    "rooted.txt": "rooted\n",
    "spaced.txt": "spaced\n",
    "build/out.txt": "out\n",
    "src/.gitignore": "*.gen\n",
    "src/main.cpp": "int main() {}\n" * 12,
    "src/y.gen": "gen\n",
    "src/inner/z.gen": "gen\n",
    "src/inner/deep.js": "let x = 1\n",
    "tests/z.gen": "ignored by what src said before\n",
    "tests/.dot/in.txt": "in\n",
    "tests/t.yml": "a: 1\n",
}
BINARY = {"image.bin": "ff00fe", "tests/bad.txt": "6f6bff"}

FILES = [
    ["."],
    ["src"],
    ["src/"],
    ["a.py", "b.txt"],
    ["a.py", "src", "a.py"],
    [".", "-c"],
    ["a.py", "b.txt", "a.py", "--cxml"],
    [".", "-m"],
    ["fence.md", "--markdown", "-n"],
    [".", "-n"],
    [".", "-n", "-c"],
    ["caf\u00e9.txt", "crlf.txt", "empty.txt", "-n"],
    [".", "-e", ".py"],
    [".", "-e", "py", "-e", ".yml"],
    [".", "--include-hidden"],
    [".", "--ignore-gitignore"],
    [".", "--ignore-gitignore", "--include-hidden"],
    [".", "--ignore", "*.txt"],
    [".", "--ignore", "src"],
    [".", "--ignore", "src", "--ignore-files-only"],
    [".", "--ignore", "s*", "--ignore", "[!a]*.txt"],
    ["tests", "src", "tests"],
    ["build"],
    ["x.log"],
    ["-c"],
    [],
]
STDIN = [
    ([], "a.py\nb.txt src\n"),
    (["b.txt"], "  a.py\t"),
    (["-0"], "a.py\0b.txt\0\0"),
    (["--null", "-c"], "a.py\0src"),
]

PAGES = [
    "<p>One <b>two</b>  three</p>",
    "<title>T</title><h1>Head</h1><p>a<p>b<ul><li>x<li>y</ul>",
    "<div id=a class='x y'>A<div class=x>B</div></div><div>C</div>tail",
    "<!doctype html><html><head><title>T</title><meta name=d content=c></head><body>"
    "<nav>n</nav><main>\n <p>para\n\n\n  graph &amp; more&nbsp;x</p>\n</main><footer>f</footer></body></html>",
    "<pre>  keep\n   this  </pre><pre>\nfirst</pre><p>x   y</p>",
    "<script>s()</script><style>p{}</style><noscript><p>no</p></noscript><template><p>t</p></template>",
    "<p hidden>h</p><input type=hidden value=v><input type=HIDDEN><datalist><option>o</datalist>z",
    "<img src=a alt=Alt><img src=b><a href='/x' title=t>link</a> <img alt=''>",
    "<table><tr><td>1<td>2<tr><th>3</table>loose<table>foster<tr><td>x</table>",
    "<svg><title>svg title</title><path d=M0/></svg><math><mi>x</mi></math>",
    "<!-- c --><p>a<!-- b -->c</p><![CDATA[d]]><?pi?>",
    "<b><p>mis</b>nested</p></div></span><i>open",
    "<select><option>1<option>2</select><textarea>\n ta </textarea><button>b</button>",
    "<dl><dt>t<dd>d</dl><hr><br>a<br/>b<wbr>c",
    "\u00e9\u65e5\u672c <em>\U0001f426</em>\u2003x\u00a0\u00a0y",
    "",
    "plain text only\n\n\n  with lines  \n",
    "<ruby>k<rp>(</rp><rt>r</rt><rp>)</rp></ruby>",
    "<frameset><frame></frameset>",
    "<p>&lt;tag&gt; &copy &notit; &#x41; &#0;</p>",
]
HTML = [
    [],
    ["-m"],
    ["p"],
    ["div", "p", "-m"],
    [".x", "--first"],
    ["-r", "p", "-r", ".x"],
    ["-t", "p", "-t", "a", "-t", "img"],
    ["-t", "hs", "-t", "tables", "-t", "lists", "-t", "metadata", "-t", "structure"],
    ["-t", "div", "-t", "a", "-t", "pre", "--all-attrs", "-m"],
    ["li, td", "-m"],
    ["div > div", "body p:first-child"],
]


def walk_by_name(top, topdown=True, onerror=None, followlinks=False):
    entries = sorted(os.scandir(top), key=lambda e: e.name)
    dirs = [e.name for e in entries if e.is_dir()]
    files = [e.name for e in entries if not e.is_dir()]
    yield top, dirs, files
    for name in dirs:
        path = os.path.join(top, name)
        if not os.path.islink(path):
            yield from walk_by_name(path)


class Os:
    """The module os with another walk."""

    walk = staticmethod(walk_by_name)

    def __getattr__(self, name):
        return getattr(os, name)


def main():
    files_to_prompt.cli.os = Os()
    runner = CliRunner()
    out = {"tree": TREE, "binary": BINARY, "files": [], "html": []}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, text in TREE.items():
            path = pathlib.Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        for name, digits in BINARY.items():
            pathlib.Path(name).write_bytes(bytes.fromhex(digits))
        for args, stdin in [(args, "") for args in FILES] + STDIN:
            done = runner.invoke(files_to_prompt.cli.cli, args, input=stdin)
            assert done.exit_code == 0, (args, done.output)
            out["files"].append({"args": args, "stdin": stdin, "stdout": done.stdout})
    for page in PAGES:
        for args in HTML:
            head = "<meta charset=utf-8>" if any(ord(c) > 127 for c in page) else ""
            done = runner.invoke(strip_tags.cli.cli, args, input=head + page)
            assert done.exit_code == 0, (args, page, done.output)
            out["html"].append({"args": args, "page": head + page, "stdout": done.stdout})
    print(json.dumps(out, indent=0))


main()

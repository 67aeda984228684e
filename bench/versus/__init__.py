"""hob against named peers, on this machine, in one run: see bench/compare and docs/performance.md."""

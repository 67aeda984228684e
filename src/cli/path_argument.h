// Paths on the command line, checked before anything is done. What is wrong with one is said in
// Click's words, with exit status 2.
#pragma once

#include <CLI/CLI.hpp>

namespace hob::cli {

struct PathRule {
  bool dash = false;     // "-" is standard input
  bool folder = false;   // it may be one
  bool missing = false;  // it may come into being
};

// A file that exists, but for what the rule allows.
CLI::Validator path_argument(PathRule rule = {});

}  // namespace hob::cli

// A flag that may be given several times, each time with one value (or one of each, for pairs). All
// of them stand, in their order.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace hob::cli {

template <class Values>
CLI::Option* add_repeatable(CLI::App& app, const std::string& name, Values& values,
                            const std::string& help) {
  return app.add_option(name, values, help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

}  // namespace hob::cli

#include "cli/accepted_flags.h"

#include <string>

namespace hob::cli {

void accept_key(CLI::App& app) {
  app.add_option_function<std::string>(
         "--key", [](const std::string&) {},
         "Key of a hosted model; the models here need none, and it is neither used nor kept")
      ->option_text("KEY");
}

void accept_async(CLI::App& app) {
  app.add_flag_function(
      "--async", [](int64_t) {}, "Taken for llm's sake; the reply is the same");
}

}  // namespace hob::cli

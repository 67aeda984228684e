#include "store/user_folder.h"

#include "os/file.h"
#include "os/terminal.h"

namespace hob::store {

std::string logs_database() { return os::data_dir() + "/logs.db"; }

std::string embeddings_database() {
  const std::string named = os::environment("HOB_EMBEDDINGS_DB");
  return named.empty() ? os::data_dir() + "/embeddings.db" : named;
}

std::string settings_file(const std::string& name) { return os::config_dir() + "/" + name; }
std::string logs_off_file() { return settings_file("logs-off"); }
std::string aliases_file() { return settings_file("aliases.json"); }
std::string templates_folder() { return settings_file("templates"); }
std::string default_model_file() { return settings_file("default_model.txt"); }
std::string default_embedding_model_file() { return settings_file("default_embedding_model.txt"); }
std::string model_options_file() { return settings_file("model_options.json"); }

std::string llm_folder() {
  const std::string named = os::environment("LLM_USER_PATH");
  if (!named.empty()) return named;
  const std::string config = os::environment("XDG_CONFIG_HOME");
  const std::string base = config.empty() ? os::home_dir() + "/.config" : config;
  return base + "/io.datasette.llm";
}

}  // namespace hob::store

// What a command is: one row of the table in commands.cpp and one file that defines it.
//
// define() declares the command's flags on `app` and returns what to do once they are parsed. Only
// the chosen command is defined, so commands cost the others no start-up time.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "cli/io.h"

namespace hob::cli {

// An error becomes "Error: ..." and exit status 1; kCancelled becomes "Aborted!" and 1.
using Action = std::function<Result<>()>;

struct Command {
  std::string_view name;      // "chat"; two words for a member of a group: "template render"
  std::string_view summary;   // one line for the list of commands
  std::string_view details;   // further lines of the command's own help; may be empty
  std::string_view examples;  // one command line per line
  Action (*define)(CLI::App& app, Io& io);
};

// All commands, in the order of the help. The first is the default: it runs when no command is
// named.
std::span<const Command> commands();
// Null when there is none of that name.
const Command* find_command(std::string_view name);

// What every command line has: -h/--help, and that a repeated flag's last value wins.
void define_common(CLI::App& app);

Action define_prompt(CLI::App& app, Io& io);
Action define_chat(CLI::App& app, Io& io);
Action define_logs_status(CLI::App& app, Io& io);
Action define_logs_path(CLI::App& app, Io& io);
Action define_logs_on(CLI::App& app, Io& io);
Action define_logs_off(CLI::App& app, Io& io);
Action define_logs_backup(CLI::App& app, Io& io);
Action define_replay(CLI::App& app, Io& io);
Action define_models(CLI::App& app, Io& io);
Action define_models_default(CLI::App& app, Io& io);
Action define_models_options_list(CLI::App& app, Io& io);
Action define_models_options_show(CLI::App& app, Io& io);
Action define_models_options_set(CLI::App& app, Io& io);
Action define_models_options_clear(CLI::App& app, Io& io);
Action define_aliases_list(CLI::App& app, Io& io);
Action define_aliases_set(CLI::App& app, Io& io);
Action define_aliases_remove(CLI::App& app, Io& io);
Action define_aliases_path(CLI::App& app, Io& io);
Action define_templates_list(CLI::App& app, Io& io);
Action define_templates_show(CLI::App& app, Io& io);
Action define_templates_edit(CLI::App& app, Io& io);
Action define_templates_path(CLI::App& app, Io& io);
Action define_templates_loaders(CLI::App& app, Io& io);
Action define_fragments_list(CLI::App& app, Io& io);
Action define_fragments_set(CLI::App& app, Io& io);
Action define_fragments_show(CLI::App& app, Io& io);
Action define_fragments_remove(CLI::App& app, Io& io);
Action define_fragments_loaders(CLI::App& app, Io& io);
Action define_files(CLI::App& app, Io& io);
Action define_html(CLI::App& app, Io& io);
Action define_cmd(CLI::App& app, Io& io);
Action define_pull(CLI::App& app, Io& io);
Action define_inspect(CLI::App& app, Io& io);
Action define_tokens(CLI::App& app, Io& io);
Action define_template_render(CLI::App& app, Io& io);
Action define_schemas_dsl(CLI::App& app, Io& io);
Action define_embed(CLI::App& app, Io& io);
Action define_embed_multi(CLI::App& app, Io& io);
Action define_similar(CLI::App& app, Io& io);
Action define_collections_list(CLI::App& app, Io& io);
Action define_collections_path(CLI::App& app, Io& io);
Action define_collections_delete(CLI::App& app, Io& io);
Action define_embed_models_list(CLI::App& app, Io& io);
Action define_embed_models_default(CLI::App& app, Io& io);
Action define_schemas_list(CLI::App& app, Io& io);
Action define_schemas_show(CLI::App& app, Io& io);
Action define_logs_list(CLI::App& app, Io& io);
Action define_logs_conversations(CLI::App& app, Io& io);
Action define_logs_export(CLI::App& app, Io& io);
Action define_logs_import(CLI::App& app, Io& io);
Action define_logs_delete(CLI::App& app, Io& io);
Action define_batch(CLI::App& app, Io& io);
Action define_cost_list(CLI::App& app, Io& io);
Action define_cost_estimate(CLI::App& app, Io& io);
Action define_energy_list(CLI::App& app, Io& io);
Action define_energy_set(CLI::App& app, Io& io);
Action define_prices_list(CLI::App& app, Io& io);
Action define_prices_show(CLI::App& app, Io& io);
Action define_prices_update(CLI::App& app, Io& io);
Action define_completion(CLI::App& app, Io& io);
Action define_perplexity(CLI::App& app, Io& io);
Action define_bench(CLI::App& app, Io& io);

}  // namespace hob::cli

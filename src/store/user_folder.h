// Where hob keeps a person's own files, under the names that llm gives them.
//
// With HOB_HOME set all of them lie directly in it. Without: databases in os::data_dir(), the rest
// in os::config_dir(). Nothing is created here.
#pragma once

#include <string>

namespace hob::store {

std::string logs_database();                 // logs.db
std::string embeddings_database();           // embeddings.db; HOB_EMBEDDINGS_DB stands before it
std::string logs_off_file();                 // while it exists, turns are not recorded
std::string aliases_file();                  // aliases.json
std::string templates_folder();              // templates/NAME.yaml
std::string default_model_file();            // default_model.txt
std::string default_embedding_model_file();  // default_embedding_model.txt
std::string model_options_file();            // model_options.json

// Another file of the folder that holds the settings: "prices.json".
std::string settings_file(const std::string& name);

// llm's own folder, LLM_USER_PATH or ~/.config/io.datasette.llm: read, never written.
std::string llm_folder();

}  // namespace hob::store

#include "cli/model_choice.h"

#include <algorithm>
#include <cctype>

#include "chat/model_store.h"
#include "os/terminal.h"

namespace hob::cli {
namespace {

std::string lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Result<std::string> model_by_query(const std::vector<std::string>& queries) {
  std::vector<std::pair<std::string, std::string>> models = {{"echo", "echo: echo"}};
  for (const auto& stored : chat::ModelStore::standard().list())
    models.emplace_back(stored.name, lowered("Local: " + stored.name));
  const std::string* best = nullptr;
  for (const auto& [id, label] : models) {
    const auto found = [&, &text = label](const std::string& query) {
      return text.find(lowered(query)) != text.npos;
    };
    const bool all = std::all_of(queries.begin(), queries.end(), found);
    if (all && (!best || id.size() < best->size())) best = &id;
  }
  if (best) return *best;
  return fail(ErrorKind::kNotFound, "No model found matching queries {}", fmt::join(queries, ", "));
}

}  // namespace

Result<std::string> chosen_model(const ModelWish& wish) {
  if (!wish.named.empty()) return wish.named;
  if (std::string id = os::environment("HOB_MODEL"); !id.empty()) return id;
  if (!wish.queries.empty()) return model_by_query(wish.queries);
  return wish.of_conversation;
}

Result<std::unique_ptr<chat::Model>> open_chosen(const ModelWish& wish,
                                                 const engine::EngineOptions& options) {
  HOB_TRY(const std::string id, chosen_model(wish));
  return chat::open_model(id, options);
}

}  // namespace hob::cli

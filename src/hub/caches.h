// Models that other programs fetched: in the caches of Hugging Face's tools, Ollama and LM Studio.
// They are used where they lie; nothing is written there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hob::hub {

struct CachedModel {
  std::string name;  // "org/name/file", as if it lay in hob's folder; Ollama's "model:tag"
  std::string path;
  uint64_t bytes = 0;
};

// Where to look; empty: not there.
struct CacheFolders {
  std::string hugging_face;            // the folder of models--ORG--NAME folders
  std::string ollama;                  // the one of manifests/ and blobs/
  std::vector<std::string> lm_studio;  // of ORG/NAME/FILE.gguf
  // $HF_HUB_CACHE, $HF_HOME, $OLLAMA_MODELS, and the places in the home folder.
  static CacheFolders standard();
};

// GGUF files, by name. What cannot be read or is not as expected is left out.
std::vector<CachedModel> cached_models(const CacheFolders& folders);

}  // namespace hob::hub

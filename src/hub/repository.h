// A model's repository on the Hugging Face hub, or on a server that speaks as it does: which files
// there are, how large they are, and their checksums.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "hub/http.h"

namespace hob::hub {

// Where the hub is and who asks: $HF_ENDPOINT and $HF_TOKEN, or the file that Hugging Face's own
// tools keep the token in.
struct Hub {
  std::string endpoint = "https://huggingface.co";
  std::string token;  // never shown
  static Hub standard();
  std::vector<std::string> headers() const;
};

// "org/name", "org/name:part-of-a-file", "org/name@revision:...".
struct Wanted {
  std::string repository, revision = "main", file;  // file: "" for the usual choice
};
Result<Wanted> parse_wanted(std::string_view text);

struct RemoteFile {
  std::string path;  // in the repository; relative, without ".."
  uint64_t size = 0;
  std::string checksum;  // as Digest takes it
};

struct Repository {
  std::string name, commit;
  std::vector<RemoteFile> files;
};

// Asks the hub; busy answers and lost connections are asked again.
Result<Repository> read_repository(const Hub& hub, const Wanted& wanted,
                                   const std::function<bool()>& goes_on);
// Where to get a file of the repository, at its commit.
std::string file_url(const Hub& hub, const Repository& repository, const RemoteFile& file);

// The files that `wanted` means: what its file names (whole, or a part of exactly one GGUF file's
// name, or of one that is split), or the only GGUF file, or of several the one in Q4_K_M, or where
// there is none the safetensors at the top with what belongs to them. Never none: the error lists
// what there is.
Result<std::vector<RemoteFile>> choose_files(const Repository& repository, const Wanted& wanted);

// An HTTP answer that is no success, in words: what to do about it.
Error refusal(const HttpReply& reply, const std::string& what, bool has_token);
// Waits as the answer asks, or longer with each attempt; false where `goes_on` said no.
bool wait_before(int attempt, const HttpReply& reply, const std::function<bool()>& goes_on);
// Whether asking again may help.
bool is_passing(const HttpReply& reply);

}  // namespace hob::hub

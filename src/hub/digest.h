// Checksums of files as the Hugging Face hub states them: SHA-256 of the content for large files
// (Git LFS), and git's own SHA-1 of a blob for the small ones.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace hob::hub {

class Digest {
 public:
  // What `expected`, 64 or 40 hexadecimal digits, is a checksum of: `size` bytes.
  static bool is_known(std::string_view expected);
  Digest(std::string_view expected, uint64_t size);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  void update(std::string_view bytes);
  // In hexadecimal, lower case. Ends the digest.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace hob::hub

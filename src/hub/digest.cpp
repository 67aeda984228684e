#include "hub/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <new>

#include "base/check.h"

namespace hob::hub {

constexpr size_t kSha1Digits = 40, kSha256Digits = 64;

void Digest::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

bool Digest::is_known(std::string_view expected) {
  return (expected.size() == kSha1Digits || expected.size() == kSha256Digits) &&
         expected.find_first_not_of("0123456789abcdef") == expected.npos;
}

Digest::Digest(std::string_view expected, uint64_t size) : context_(EVP_MD_CTX_new()) {
  HOB_CHECK(is_known(expected));
  if (!context_) throw std::bad_alloc();
  const bool git = expected.size() == kSha1Digits;
  HOB_CHECK(EVP_DigestInit_ex(context_.get(), git ? EVP_sha1() : EVP_sha256(), nullptr) == 1);
  if (git) {
    const std::string header = fmt::format("blob {}", size);
    update({header.c_str(), header.size() + 1});  // with its final zero
  }
}

Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::update(std::string_view bytes) {
  HOB_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Digest::finish() {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HOB_CHECK(EVP_DigestFinal_ex(context_.get(), raw, &size) == 1);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", raw[i]);
  return text;
}

}  // namespace hob::hub

// The text of prices.txt and price_names.txt, built into the program (src/CMakeLists.txt).
#pragma once

#include <string_view>

namespace hob::accounts {

extern const std::string_view kPricesText, kPriceNamesText;

}  // namespace hob::accounts

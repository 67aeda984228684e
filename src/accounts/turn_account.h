// What a turn used, put into its record: energy where a model of this machine ran, money where one
// elsewhere did.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "os/energy.h"
#include "store/turn_record.h"

namespace hob::accounts {

struct TurnUse {
  std::string model;  // who answered
  std::optional<int64_t> input_tokens, output_tokens;
  os::EnergyUse energy;
  bool shared = false;  // with turns that ran at the same time
};

// Fills energy_joules and energy_json for provider "local", price_json and cost_usd for any other
// but "echo". What nobody knows stays empty.
void account(store::TurnRecord& record, const TurnUse& use);

}  // namespace hob::accounts

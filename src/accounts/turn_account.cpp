#include "accounts/turn_account.h"

#include "accounts/cost.h"
#include "accounts/day.h"
#include "accounts/energy.h"

namespace hob::accounts {
namespace {

uint64_t count(const std::optional<int64_t>& tokens) {
  return tokens && *tokens > 0 ? static_cast<uint64_t>(*tokens) : 0;
}

void account_energy(store::TurnRecord& record, const TurnUse& use) {
  // Settings that cannot be read give no figure: a record is no place for a guess at what the person
  // meant.
  const auto settings = EnergySettings::standard();
  if (!settings) return;
  record.energy_joules = energy_of(use.energy, settings->watts_per_core).joules;
  record.energy_json = energy_json(use.energy, settings->watts_per_core, use.shared);
}

void account_money(store::TurnRecord& record, const TurnUse& use) {
  const auto table = PriceTable::standard();
  if (!table) return;
  const auto price = table->find(use.model, today(), count(use.input_tokens));
  if (!price) return;
  record.price_json = price_json(*price);
  if (!use.input_tokens && !use.output_tokens) return;
  const auto cost =
      cost_of(price->row, {.input = count(use.input_tokens), .output = count(use.output_tokens)});
  if (cost) record.cost_usd = approximately(cost->total);
}

}  // namespace

void account(store::TurnRecord& record, const TurnUse& use) {
  if (record.provider == "local") {
    account_energy(record, use);
  } else if (record.provider != "echo") {
    account_money(record, use);
  }
}

}  // namespace hob::accounts

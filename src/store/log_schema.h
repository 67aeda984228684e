// The tables of logs.db: those of llm (its names, columns and hashes, so that what reads its logs
// reads ours) and, beside them, hob's own. docs/ledger.md explains each column.
#pragma once

#include <span>

#include "store/database.h"

namespace hob::store {

// For Database::open. A file that llm made gets what it lacks; what is in it stays. One of llm
// before 0.4 is refused.
std::span<const Migration> log_migrations();

}  // namespace hob::store

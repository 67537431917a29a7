// A chain as it is recorded: what of it makes a step the same step on the next run.
#pragma once

#include "store/backend.hpp"

#include <pawl/detail/erased.hpp>

#include <span>
#include <vector>

namespace pawl::core {

// The schemas it gives views of belong to the types and live for ever.
class recorded_chain {
public:
  explicit recorded_chain(const detail::chain& chain);
  [[nodiscard]] const chain_revision& revision() const noexcept { return revision_; }
  [[nodiscard]] std::span<const schema_record> schemas() const noexcept { return schemas_; }

private:
  void add_schema(const detail::value_type& type);

  chain_revision revision_;
  std::vector<schema_record> schemas_;
};

// The workflow as it would be if `chain` were recorded, as a revision of its own, for asking about it beforehand.
[[nodiscard]] workflow_record with_chain(const workflow_record& known, const detail::chain& chain);

}  // namespace pawl::core

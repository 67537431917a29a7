#include "run/recorded_chain.hpp"

#include <pawl/schema.hpp>

#include <utility>

namespace pawl::core {

recorded_chain::recorded_chain(const detail::chain& chain) {
  revision_.input_is_key = chain.input_is_key;
  if (chain.input->describe != nullptr) {
    revision_.input_schema = chain.input->describe().hash();
    add_schema(*chain.input);
  }
  for (const detail::erased_step& step : chain.steps) {
    step_identity identity;
    identity.name = step.name;
    identity.kind = step.kind;
    identity.version = step.version;
    identity.keep = step.keep;
    if (step.result != nullptr) {
      identity.result_schema = step.result->describe().hash();
      add_schema(*step.result);
    }
    revision_.steps.push_back(std::move(identity));
  }
}

void recorded_chain::add_schema(const detail::value_type& type) {
  schemas_.push_back({type.describe().hash(), type.describe().canonical()});
}

workflow_record with_chain(const workflow_record& known, const detail::chain& chain) {
  workflow_record workflow = known;
  chain_revision now = recorded_chain(chain).revision();
  now.id = static_cast<revision_id>(workflow.revisions.back().id + 1);
  workflow.current = now.id;
  workflow.revisions.push_back(std::move(now));
  return workflow;
}

}  // namespace pawl::core

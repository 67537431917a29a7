#include "run/recorded_chain.hpp"

#include <pawl/schema.hpp>

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

}  // namespace pawl::core

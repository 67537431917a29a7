#include "inspect/describe_recorded.hpp"

#include "tell/guarantee.hpp"

namespace pawl::core {

description describe_recorded(const workflow_record& workflow, const chain_revision& chain, snapshot& view,
                              parsed_schemas& schemas) {
  const auto text_of = [&](std::uint64_t hash) {
    if (hash == 0) return std::string();
    const std::optional<schema> found = schemas.find(hash, view);
    return found ? found->to_string() : "a schema that is not recorded";
  };
  description said;
  said.workflow = workflow.name;
  said.revision = chain.id;
  said.key = chain.input_is_key ? "the input itself" : "as the program says; it is not recorded how";
  said.input = text_of(chain.input_schema);
  for (const step_identity& step : chain.steps) {
    description::step& one = said.steps.emplace_back();
    one.name = step.name;
    one.kind = step.kind;
    one.guarantee = guarantee_of(step.kind, false, false);
    one.version = step.version;
    one.result = text_of(step.result_schema);
    one.keep = step.keep;
  }
  return said;
}

}  // namespace pawl::core

#include "run/value_layout.hpp"

#include <pawl/schema.hpp>

#include <algorithm>

namespace pawl::core {

value_layout::value_layout(const detail::chain& chain)
    : places_(chain.steps.size() + 1), latest_(chain.steps.size() + 1), dead_(chain.steps.size()) {
  places_[0].type = chain.input;
  for (std::size_t step = 0; step < chain.steps.size(); ++step) {
    const detail::erased_step& one = chain.steps[step];
    const auto reader = static_cast<std::ptrdiff_t>(step);
    places_[latest_[step]].last_reader = reader;
    for (const std::uint16_t value : one.reads) places_[latest_[value]].last_reader = reader;
    places_[step + 1].type = one.result;
    places_[step + 1].migrations = &one.migrations;
    latest_[step + 1] = one.result != nullptr ? static_cast<std::uint16_t>(step + 1) : latest_[step];
  }

  // Greedy by birth: a value takes the first shared place whose last owner is dead when it is born.
  struct shared_place {
    std::size_t size = 0;
    std::ptrdiff_t busy_through = -1;
    std::vector<std::size_t> values;
  };
  std::vector<shared_place> shared;
  for (std::size_t value = 0; value < places_.size(); ++value) {
    place& one = places_[value];
    if (one.type == nullptr) continue;
    const std::ptrdiff_t born = static_cast<std::ptrdiff_t>(value) - 1;  // by the step before it
    auto free = std::find_if(shared.begin(), shared.end(), [&](const auto& s) { return s.busy_through < born; });
    if (free == shared.end()) free = shared.insert(shared.end(), shared_place{});
    free->size = std::max(free->size, one.type->size);
    free->busy_through = std::max(one.last_reader, born);
    free->values.push_back(value);
    align_ = std::max(align_, one.type->align);
    const auto dies = static_cast<std::size_t>(std::max(one.last_reader, born));
    if (one.last_reader >= 0 && dies < dead_.size()) dead_[dies].push_back(static_cast<std::uint16_t>(value));
  }
  for (const shared_place& one : shared) {
    for (const std::size_t value : one.values) places_[value].offset = size_;
    size_ = (size_ + one.size + align_ - 1) / align_ * align_;
  }
}

const detail::migration* value_layout::migration(std::size_t value, std::uint64_t stored_schema) const {
  if (places_[value].migrations == nullptr) return nullptr;
  for (const detail::migration& one : *places_[value].migrations)
    if (one.from->describe().hash() == stored_schema) return &one;
  return nullptr;
}

}  // namespace pawl::core

// Where the values of one item lie in memory while it runs.
//
// Values go from step to step as C++ objects; the engine gives each a place in
// one block per item. Values whose lives do not overlap share a place, so a
// chain of 64 steps needs two places and not 65. Computed once per run.
#pragma once

#include <pawl/detail/erased.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pawl::core {

class value_layout {
public:
  // The chain must outlive it.
  explicit value_layout(const detail::chain& chain);

  // The size and alignment of an item's block.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t align() const noexcept { return align_; }
  // How many value numbers there are: steps + 1.
  [[nodiscard]] std::size_t count() const noexcept { return places_.size(); }

  // After k completed steps the latest value is this one (void steps make none).
  [[nodiscard]] std::uint16_t latest_after(std::size_t completed) const noexcept { return latest_[completed]; }
  [[nodiscard]] std::size_t offset(std::size_t value) const noexcept { return places_[value].offset; }
  [[nodiscard]] const detail::value_type* type(std::size_t value) const noexcept { return places_[value].type; }
  // What makes this value of a stored one with that schema, which an older version of its step returned; null where
  // the schema is today's, or nothing does.
  [[nodiscard]] const detail::migration* migration(std::size_t value, std::uint64_t stored_schema) const;
  // Values that nothing reads any more once `step` has completed.
  [[nodiscard]] const std::vector<std::uint16_t>& dead_after(std::size_t step) const noexcept { return dead_[step]; }
  // True where a step from `from` on reads this value, as its input or through item<> or from<>.
  [[nodiscard]] bool read_from(std::size_t value, std::size_t from) const noexcept {
    return places_[value].type != nullptr && places_[value].last_reader >= static_cast<std::ptrdiff_t>(from);
  }

private:
  struct place {
    const detail::value_type* type = nullptr;  // null: a void step's number
    std::size_t offset = 0;
    std::ptrdiff_t last_reader = -1;           // the last step that reads it; -1: none
    const std::vector<detail::migration>* migrations = nullptr;
  };

  std::vector<place> places_;
  std::vector<std::uint16_t> latest_;
  std::vector<std::vector<std::uint16_t>> dead_;
  std::size_t size_ = 0;
  std::size_t align_ = alignof(std::max_align_t);
};

}  // namespace pawl::core

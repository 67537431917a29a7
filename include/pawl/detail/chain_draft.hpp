// From drafts and links to the erased chain. Compiled in engine/chain/.
#pragma once

#include <pawl/detail/erased.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace pawl {
struct retain_options;
}

namespace pawl::detail {

class step_draft;

/// What a step adds to its draft: the part of an erased_step that depends on types.
struct link {
  const value_type& (*result)() = nullptr;  ///< null: void
  outcome_kind (*call)(const void* self, call_frame& frame) = nullptr;
  std::size_t (*call_batch)(const void* self, batch_call& call) = nullptr;  ///< of a batch step, in place of `call`
  bool consumes = false;
  std::span<const std::uint16_t> reads;  ///< static; no_value where a parameter reads nothing further
};
inline constexpr std::uint16_t no_value = 0xffff;

struct input_facts {
  const value_type* type = nullptr;
  void (*key)(const void* key_self, const void* input, key_sink& into) = nullptr;
  void (*from_key)(void* storage, std::uint64_t number, std::string_view text) = nullptr;
};

/// Puts the table together. `drafts`, `selves` and `links` are parallel; `owner` keeps what `selves` points to.
/// Throws pawl::error(bad_argument) where options of a step make no sense in its place.
[[nodiscard]] std::shared_ptr<const chain> build_chain(std::string_view name, const input_facts& input,
                                                       std::span<const step_draft* const> drafts,
                                                       std::span<const void* const> selves, std::span<const link> links,
                                                       std::shared_ptr<const void> owner);

/// The same chain with another key. `key_self` is the projection.
[[nodiscard]] std::shared_ptr<const chain> chain_with_key(const chain& from,
                                                          void (*key)(const void*, const void*, key_sink&),
                                                          std::shared_ptr<const void> key_self);

/// The same in numbers. `who` begins the sentence of pawl::error(bad_argument), where neither limit is set or done_for is
/// negative or above a thousand years.
[[nodiscard]] retain_rule retain_rule_of(const retain_options& limits, std::string_view who);
/// The same chain whose done items are kept only so long. Throws as that.
[[nodiscard]] std::shared_ptr<const chain> chain_with_retention(const chain& from, const retain_options& limits);

}  // namespace pawl::detail

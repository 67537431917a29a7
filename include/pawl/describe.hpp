// A chain in words: what its steps are and what is promised of each.
//
//   std::cout << crawl.describe() << '\n';
//
// workflow_of::describe knows all of it; state_view::describe tells of chains that
// are recorded in a state what is recorded of them, which options are not.
#pragma once

#include <pawl/detail/erased.hpp>

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pawl {

struct description {
  struct retry {
    std::string exception;  ///< the type, as the compiler spells it; empty: whatever no other rule takes
    std::uint32_t attempts = 1;
    double first_delay_s = 0;
    double factor = 1;
    double max_delay_s = 0;
    double jitter = 0;
  };
  struct skip {
    std::string exception;
    std::uint64_t limit = 0;  ///< items of one run
  };
  struct rate {
    std::uint64_t calls = 0;
    double per_s = 0;
  };

  struct batch {
    std::uint64_t max_items = 0;
    double max_delay_s = 0;
  };

  struct step {
    std::string name;
    step_kind kind = step_kind::effect;
    /// "at least once", "at least once; a repeated effect is declared harmless", "touches nothing outside".
    std::string guarantee;
    std::uint32_t version = 0;
    std::string result;  ///< its schema (schema.hpp); empty: it returns nothing, and what arrived passes on
    bool keep = false;   ///< beside later results: by .keep(), or because a later step asks for it by pawl::from

    // The options. Not recorded in a state.
    bool idempotent = false;
    bool discard = false;
    std::optional<double> timeout_s;
    std::optional<std::uint32_t> concurrency;
    std::optional<rate> rate_limit;
    std::optional<batch> batches;         ///< of a pawl::batch: how items are gathered
    std::vector<retry> retries;           ///< in the order in which they are tried
    std::vector<skip> skips;
    std::vector<std::string> migrations;  ///< the schemas of older results that are migrated
  };

  std::string workflow;
  std::string key;    ///< in words
  std::string input;  ///< its schema; empty: it has no codec, so it is not recorded
  /// How long done items are kept, and how many: `.retain`. Not recorded in a state.
  std::optional<double> done_for_s{};
  std::optional<std::uint64_t> done_at_most{};
  std::vector<step> steps;
  /// Of a chain that is recorded in a state: its number there, counted from 0. Unset: of a program's own chain.
  std::optional<std::uint16_t> revision;
};

namespace detail {
/// Compiled.
[[nodiscard]] description describe_chain(const chain& of);
}  // namespace detail

/// "step", "pure", "batch".
[[nodiscard]] std::string_view name_of(step_kind kind) noexcept;

/// A line for each step, and one for each of its options.
std::ostream& operator<<(std::ostream& out, const description& what);
/// The same, as text.
[[nodiscard]] std::string to_string(const description& what);
/// One JSON object with the fields named as above; optional ones are null where they are unset. Of a recorded chain
/// it has no options.
[[nodiscard]] std::string to_json(const description& what);

}  // namespace pawl

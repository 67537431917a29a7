// Looking at a state from outside, without the C++ types of its workflows.
//
//   pawl::state_view state{"crawl.pawl"};
//   for (const pawl::workflow_view& one : state.workflows()) std::cout << one.name << ' ' << one.items() << '\n';
//   pawl::item_page page = state.items({.workflow = "crawl", .state = pawl::item_state::failed});
//
// Works also while an engine works on the state and after a crash, and changes
// nothing. Values are shown as JSON by the schema that is stored with them. The
// tool `pawl` is written on top of this header.
#pragma once

#include <pawl/any_key.hpp>
#include <pawl/describe.hpp>
#include <pawl/detail/erased.hpp>
#include <pawl/options.hpp>
#include <pawl/report.hpp>
#include <pawl/table.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pawl {

/// A workflow and how far its items are.
struct workflow_view {
  struct step {
    std::string name;
    step_kind kind = step_kind::effect;
    std::uint32_t version = 0;
    std::uint64_t completed = 0;  ///< items that have completed it
  };
  std::string name;
  std::array<std::uint64_t, 5> by_state{};  ///< items, indexed by item_state
  std::vector<step> steps;                  ///< of the chain that was recorded last

  [[nodiscard]] std::uint64_t count(item_state state) const { return by_state.at(static_cast<std::size_t>(state)); }
  [[nodiscard]] std::uint64_t items() const noexcept;
};

/// A stored input or result.
struct value_view {
  std::string step;        ///< whose result it is; empty for an input
  std::uint64_t size = 0;  ///< encoded, bytes
  std::string schema;      ///< its one line of text (schema.hpp); empty where it is not stored
  std::string json;        ///< on one line, as schema::to_json gives it; empty where there is a problem
  std::string problem;     ///< why there is no JSON: longer than asked for, damaged, ...; else empty
  bool damaged = false;    ///< the problem is that what is stored cannot be read
};

/// What is recorded of one item.
struct item_view {
  struct step_run {
    std::chrono::sys_time<std::chrono::microseconds> ended;
    std::chrono::nanoseconds took{};  ///< the last attempt
    std::uint32_t attempts = 0;
  };
  struct step {
    std::string name;
    step_kind kind = step_kind::effect;
    bool completed = false;
    std::optional<step_run> run;  ///< of a completed step, and of the one in which the item failed or was skipped
  };

  std::string workflow;
  any_key key;
  std::uint64_t id = 0;  ///< dense, per workflow, in the order of admission
  item_state state = item_state::pending;
  bool sticky = false;  ///< failed, and left so by later runs
  std::chrono::sys_time<std::chrono::microseconds> updated;
  std::uint32_t generation = 0;       ///< raised by a rerun or a changed input
  std::uint32_t failed_attempts = 0;  ///< of the step it stands at
  std::size_t steps_completed = 0;
  std::vector<step> steps;  ///< of the chain under which the item was recorded
  std::string error;        ///< why it failed or was skipped, or of the last failed attempt; any bytes

  bool input_is_key = false;         ///< no input is stored: it is made from the key
  std::optional<value_view> input;   ///< where asked for and stored
  std::optional<value_view> result;  ///< the latest; where asked for and stored
  std::vector<value_view> kept;      ///< kept results, by step; where asked for

  /// The step at which an unfinished, failed or skipped item stands; empty for a done one.
  [[nodiscard]] std::string_view at_step() const noexcept;
};

/// A row that could not be read. The others are not concerned.
struct damaged_item {
  std::string workflow;
  std::uint64_t id = 0;
  std::string sentence;
};

/// A table (table.hpp) as it is recorded.
struct table_info {
  std::string name;
  std::string key_schema;    ///< one line of text (schema.hpp)
  std::string value_schema;
  std::uint64_t entries = 0;
};

/// An entry of a table, without its C++ types.
struct table_row {
  any_key key;
  std::string json;  ///< the value, as schema::to_json gives it
};

/// Entries in the order of their keys.
struct table_page {
  std::vector<table_row> rows;
  std::optional<any_key> next;  ///< the key of the last one, where there are more
};

/// Which items, how many, and how much of each.
struct item_query {
  std::string workflow{};             ///< empty: of all workflows, one after the other
  std::optional<item_state> state{};  ///< failed and skipped ones are found by an index, others by looking at all
  std::string key_prefix{};           ///< of text keys, and of integers written in decimal; looks at all
  std::string after{};                ///< where the page before ended (item_page::next); empty: from the start
  std::size_t limit = 100;            ///< items in a page, at most; at least 1
  bool values = false;                ///< also input, result and kept results
  std::size_t value_size_max = std::size_t{16} << 20;  ///< longer values are named and not read; bytes, encoded
};

/// Items in the order of their workflows and ids. A page holds fewer than were asked for where it would
/// take more than some 4 MiB besides its last item.
struct item_page {
  std::vector<item_view> items;
  std::vector<damaged_item> damaged;  ///< met on the way; counted towards the limit
  std::string next;                   ///< for item_query::after; empty: there is nothing more
};

/// An existing state directory, open for reading.
///
/// Every member may be called from any thread. Nothing that is stored changes, and no engine is kept from its
/// work; snapshots are short, so two calls may see two moments. Memory is bounded by a page, whatever the size
/// of the state. In one process, open an engine on the same state before the view or after the view is gone.
/// Not to be used in the child of a fork. Errors are pawl::error, damaged among them where what was asked for
/// cannot be read.
class state_view {
public:
  /// Throws not_a_state where there is none, newer_format, damaged, io; state_in_use where it can only be
  /// looked at by another user or from another container for the moment.
  explicit state_view(const std::filesystem::path& state);
  ~state_view();
  state_view(state_view&& other) noexcept;
  state_view& operator=(state_view&& other) noexcept;

  /// All workflows in the order in which they were first run, counted at one moment. Reads counters, no items.
  [[nodiscard]] std::vector<workflow_view> workflows() const;

  /// The chains that are recorded, of this workflow or (empty) of all: for each workflow all its revisions, oldest
  /// first. A run records its chain if no earlier one was the same. Throws not_found for a workflow that is not there.
  [[nodiscard]] std::vector<description> describe(std::string_view workflow = {}) const;

  /// What a recorded step survives, as the engine was told that had the state open last.
  [[nodiscard]] pawl::durability durability() const;

  /// One page. Throws not_found for a workflow that is not there, bad_argument for a cursor that is none.
  /// Items that are admitted or change state between two pages may be missed by the later one; none is
  /// given twice.
  [[nodiscard]] item_page items(const item_query& query = {}) const;

  /// One item whole, with its values; nothing where the key is unknown. Throws not_found for a workflow that
  /// is not there, damaged where the item's row is.
  [[nodiscard]] std::optional<item_view> item(std::string_view workflow, const any_key& key,
                                              std::size_t value_size_max = item_query{}.value_size_max) const;

  /// All tables, in the order in which they were made.
  [[nodiscard]] std::vector<table_info> tables() const;

  /// The entries behind this key (or from the first one on), at most `limit` of them, and fewer where they are long. Throws
  /// not_found for a table that is not there. Two pages may see two moments.
  [[nodiscard]] table_page entries(std::string_view table, const std::optional<any_key>& after = {},
                                   std::size_t limit = 1000) const;

  /// All tables, for reading them by their C++ types. See engine::view().
  [[nodiscard]] table_view view() const;

  /// What engine::plan left here: one JSON object (plan.hpp, to_json) for each workflow that was planned; empty
  /// where none was.
  [[nodiscard]] std::vector<std::string> plans() const;

  /// What the user should know about this state's place (a file system that forgets, ...): a sentence each.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace pawl

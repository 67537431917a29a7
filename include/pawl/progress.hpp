// How far a run is: the numbers a progress callback gets, and a ready-made bar.
#pragma once

#include <pawl/report.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pawl {

/// A moment of one run. Counts are of items seen *in this run*; they are taken one
/// after another while workers go on, so their sum may differ from `seen` by what
/// is in flight; in the last call they agree.
struct progress {
  std::string_view workflow;  ///< valid during the callback
  std::uint64_t seen = 0;     ///< items taken from the source
  std::uint64_t pending = 0;
  std::uint64_t in_progress = 0;
  std::uint64_t done = 0;  ///< those that an earlier run finished included
  std::uint64_t failed = 0;
  std::uint64_t skipped = 0;
  std::uint64_t steps_completed = 0;  ///< by this run
  double items_per_second = 0;        ///< finished items, over the last few seconds
  double steps_per_second = 0;        ///< likewise
  std::chrono::duration<double> elapsed{};
  std::optional<std::uint64_t> size_hint;  ///< items in the source, where it knows
  std::optional<double> step_fraction;     ///< mean of what running steps last told by context::progress, if any did
  bool last = false;                       ///< the run ends with this call

  /// Items that need no more work in this run.
  [[nodiscard]] std::uint64_t finished() const noexcept { return done + failed + skipped; }
};

/// One line on stderr with rate, counts and time left, drawn over itself:
/// `run_options{.progress = pawl::progress_bar{}}`. Writes nothing where stderr is
/// no terminal, never throws from a failed write, and ends its line in the last
/// call. Copies share the line; not for two runs at the same time.
class progress_bar {
public:
  progress_bar();
  void operator()(const progress& now);

  /// What it would draw, `columns` wide at most, without control characters.
  [[nodiscard]] static std::string line(const progress& now, std::size_t columns);

private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace pawl

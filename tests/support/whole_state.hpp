// A small state that has one of everything: items in every state, results in rows, in chunks and in files, a table, a loop that
// was interrupted, and a journal that is not folded in. And the workflow that finishes it.
#pragma once

#include "support/child_process.hpp"
#include "support/quiet.hpp"

#include <pawl/maintain.hpp>
#include <pawl/pawl.hpp>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace pawl::test::whole {

inline constexpr int items_at_first = 30;
inline constexpr int items = 48;
inline constexpr int killed_in = 45;  // this item's loop
inline constexpr std::uint64_t killed_at_round = 20;
inline constexpr pawl::table<"totals", int, std::int64_t> totals;

struct spin {
  int number = 0;
  std::uint64_t rounds = 0;
  std::uint64_t end = 0;
  double value = 0;
  std::vector<double> trace;
  friend bool operator==(const spin&, const spin&) = default;
};

// What was called: "STEP KEY", once for each call.
class calls {
public:
  void made(const char* step, int key) {
    const std::scoped_lock lock(mutex_);
    all_.insert(std::string(step) + " " + std::to_string(key));
  }
  [[nodiscard]] const std::multiset<std::string>& all() const { return all_; }

private:
  std::mutex mutex_;
  std::multiset<std::string> all_;
};

// `round`: is called in each round of each loop.
inline auto workflow(calls& seen, const std::function<void(const spin&)>& round) {
  return pawl::workflow<"whole">(
      pawl::step<"read">([&seen](int n) {
        seen.made("read", n);
        if (n % 12 == 3) throw std::runtime_error("broken " + std::to_string(n));
        if (n % 12 == 4) throw pawl::skip_item("not wanted: " + std::to_string(n));
        const std::size_t size = n % 24 == 5 ? 300'000 : n % 12 == 7 ? 10'000 : 12;
        return std::string(size, static_cast<char>('a' + n % 26));
      }).keep(),
      pawl::transactional<"book">([&seen](const std::string& text, pawl::item<int> n, pawl::transaction& tx) {
        seen.made("book", *n);
        const int account = *n % 7;
        tx.put(totals, account, tx.get(totals, account).value_or(0) + static_cast<std::int64_t>(text.size()));
        return spin{*n, 0, *n % 12 == 9 ? 40u : 1u, 0.25, std::vector<double>(20, 0.5)};
      }),
      pawl::loop<"spin">(
          [round](spin& now) {
            ++now.rounds;
            for (double& one : now.trace) now.value += one = one * 3.7 * (1 - one) + now.value * 1e-3;
            round(now);
            return now.rounds < now.end ? pawl::round::again : pawl::round::done;
          },
          {.every_rounds = 2}),
      pawl::step<"write">([&seen](const spin& now) {
        seen.made("write", now.number);
        return std::to_string(now.number) + " after " + std::to_string(now.rounds) + ": " + std::to_string(now.value);
      }));
}

inline std::vector<int> up_to(int count) {
  std::vector<int> all;
  for (int n = 0; n < count; ++n) all.push_back(n);
  return all;
}

// The last run is killed in the middle; what of its journal is not folded in by then is up to the disk.
inline void make_once(const std::filesystem::path& state) {
  child_process first([&](int) {
    calls seen;
    pawl::engine engine(state, quiet());
    static_cast<void>(engine.run(workflow(seen, [](const spin&) {}), up_to(items_at_first)));
    return 0;
  });
  if (first.wait() != 0) throw std::runtime_error("the state could not be made");
  child_process second([&](int) {
    calls seen;
    pawl::engine engine(state, quiet());
    static_cast<void>(engine.run(workflow(seen, [](const spin& now) {
      if (now.number == killed_in && now.rounds == killed_at_round) ::kill(::getpid(), SIGKILL);
    }), up_to(items)));
    return 0;
  });
  if (second.wait() != -SIGKILL) throw std::runtime_error("the run was not interrupted");
}

// Makes the state.
inline void make(const std::filesystem::path& state) {
  constexpr int tries_max = 20;
  for (int tries = 0; tries < tries_max; ++tries) {
    make_once(state);
    if (verify(state).journaled != 0) return;
    std::filesystem::remove_all(state);
  }
  throw std::runtime_error("each time all of the journal was folded in");
}

// Finishes it; what is logged goes into `log`.
inline pawl::report finish(const std::filesystem::path& state, calls& seen, std::ostringstream& log) {
  pawl::engine engine(state, logging_to(log, spdlog::level::warn));
  return engine.run(workflow(seen, [](const spin&) {}), up_to(items));
}

}  // namespace pawl::test::whole

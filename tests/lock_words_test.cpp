// What wakes whoever sleeps on a mutex of LMDB's that nobody has any more.
#include "lmdb/lock_words.hpp"
#include "lmdb/open.hpp"
#include "lmdb/owner_lock.hpp"
#include "lmdb/transaction.hpp"

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/temp_dir.hpp"

#include <linux/futex.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;
using namespace std::chrono_literals;

TEST_CASE("who sleeps on LMDB's mutex, and was not woken by the process that gave it back, is woken") {
  const temp_dir dir;
  const auto state = dir / "state";
  lmdb_options options;
  options.kept = keeping::shared;
  { const auto store = open_lmdb(state, options); }
  CHECK(lock_words(state).all().empty());  // it is not open
  // In a child, for its threads' list of robust mutexes is spoilt by what is done.
  child_process holder([&](int) {
    ::alarm(30);  // a waiter that is not woken
    environment env(state, access_mode::share, default_map_size(), owner_lock::join(state));
    const lock_words words(state);
    const write_transaction txn(env);
    child_process waiter([&](int pipe) {
      ::alarm(30);
      say(pipe, "there");
      const auto store = open_lmdb(state, options);  // writes
      return 0;
    });
    if (waiter.line() != "there") return 1;
    // Given back as by one who was stopped before he could wake anybody.
    const std::uint32_t waited_for = static_cast<std::uint32_t>(::gettid()) | FUTEX_WAITERS;
    bool given_back = false;
    for (int tries = 0; tries < 10'000 && !given_back; ++tries, std::this_thread::sleep_for(1ms))
      for (std::uint32_t& word : words.all()) {
        std::uint32_t expected = waited_for;
        given_back = given_back || std::atomic_ref(word).compare_exchange_strong(expected, 0);
      }
    if (!given_back) return 2;
    std::this_thread::sleep_for(300ms);
    siginfo_t ended{};
    if (::waitid(P_PID, static_cast<id_t>(waiter.pid()), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid != 0) return 3;
    words.wake_all();
    ::_exit(waiter.wait() == 0 ? 0 : 4);
  });
  CHECK(holder.wait() == 0);
}

// The peer `sqlite`: a transaction for each step.
//
// SQLite has one writer at a time, however many connections there are; so the
// threads share one connection and take turns at it by a mutex, which is faster
// than connections of their own that wait for each other by sleeping.
#include "overhead/sqlite_table.hpp"

#include <memory>
#include <mutex>

namespace bench {
namespace {

struct shared_table {
  explicit shared_table(const workload& work) : table(work) {}
  std::mutex mutex;
  sqlite_table table;  // outside of a transaction each statement is one of its own
  std::uint64_t transactions = 0;
};

class member final : public step_writer {
public:
  explicit member(shared_table& shared) : shared_(shared) {}
  void write(const record& what) override {
    const std::scoped_lock lock(shared_.mutex);
    shared_.table.put(what);
    ++shared_.transactions;
  }

private:
  shared_table& shared_;
};

}  // namespace

measurement measure_sqlite(const workload& work) {
  shared_table shared(work);
  measurement found = run_blocking_threads(work, [&] { return std::make_unique<member>(shared); });
  found.flushes = shared.transactions;
  found.hash = shared.table.hash();
  return found;
}

}  // namespace bench

// The mark of a call (flight/mark.hpp) from its beginning to the record of its end, and the turn to be alone where its
// item is a suspect. For the files of worker.
#pragma once

#include "flight/recorder.hpp"
#include "run/worker.hpp"

namespace pawl::core {

// The item need not be there any more when it ends.
class worker::marked_call {
public:
  marked_call(worker& of, const active_item& first, bool suspect, std::size_t entries = 1) : worker_(of) {
    if (suspect || of.mark_.someone_alone()) [[unlikely]] of.wait_turn(suspect);
    of.mark_.begin(first.id, first.step, first.generation, first.attempts + 1, first.key,
                   static_cast<std::uint32_t>(entries));
  }
  marked_call(worker& of, const active_item& item) : marked_call(of, item, item.crashes == crash_history::suspect) {}
  ~marked_call() {
    worker_.mark_.end();
    worker_.mark_.end_turn();
  }
  marked_call(const marked_call&) = delete;
  marked_call& operator=(const marked_call&) = delete;

private:
  worker& worker_;
};

}  // namespace pawl::core

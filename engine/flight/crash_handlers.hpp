// Handlers of fatal signals: they note in the mark of the call that the thread is in what it dies of, and let it die
// of that as it would have without them.
//
// Installed while a recorder is open that asks for them, for the whole process. Whoever installed a handler before is
// called after the note (sanitizers, crash reporters); the default action follows otherwise, core dump and all. They
// allocate nothing and take no lock.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstddef>
#include <memory>

namespace pawl::core {

class flight_recorder;

class crash_handlers {
public:
  // Also notes in the recorder's header what no call can be told of.
  explicit crash_handlers(flight_recorder& recorder);
  // With the last of them what was installed before comes back, unless others have been installed on top since: those may
  // call ours, which then only pass the signal on.
  ~crash_handlers();
  crash_handlers(const crash_handlers&) = delete;
  crash_handlers& operator=(const crash_handlers&) = delete;

private:
  flight_recorder& recorder_;
  const pid_t process_;  // in the child of a fork it is none of that process's
};

// A stack for handlers on the calling thread while it lives there: where the thread's own has overflowed they could not
// run. A thread that has one keeps it.
class signal_stack {
public:
  explicit signal_stack(bool wanted);
  ~signal_stack();
  signal_stack(const signal_stack&) = delete;
  signal_stack& operator=(const signal_stack&) = delete;

private:
  std::unique_ptr<std::byte[]> memory_;
  stack_t before_{};
};

}  // namespace pawl::core

// SIGINT and SIGTERM as a wish to stop, while it lives. A second signal does what
// it always did.
#pragma once

#include <csignal>

namespace pawl::core {

class signal_guard {
public:
  signal_guard();
  // Puts back the handlers that were there before.
  ~signal_guard();
  signal_guard(const signal_guard&) = delete;
  signal_guard& operator=(const signal_guard&) = delete;

  [[nodiscard]] static bool received() noexcept;

private:
  struct sigaction before_int_ {};
  struct sigaction before_term_ {};
};

}  // namespace pawl::core

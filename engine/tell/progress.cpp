// The ready-made progress bar.
#include <pawl/progress.hpp>

#include "record/key.hpp"
#include "tell/units.hpp"

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <string>

namespace pawl {
namespace {

constexpr std::size_t bar_cells = 20;

std::string bar(double share) {
  const auto filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(bar_cells));
  return "[" + std::string(filled, '#') + std::string(bar_cells - filled, '.') + "]";
}

// 12,345 as "12.3k" once it is long.
std::string short_number(double number) {
  if (number < 10'000) return fmt::format("{:.0f}", number);
  if (number < 1e6) return fmt::format("{:.1f}k", number * 1e-3);
  return fmt::format("{:.2f}M", number * 1e-6);
}

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

struct progress_bar::state {
  std::mutex mutex;
  const bool on_terminal = ::isatty(STDERR_FILENO) == 1;
};

progress_bar::progress_bar() : state_(std::make_shared<state>()) {}

void progress_bar::operator()(const progress& now) {
  if (!state_->on_terminal) return;
  const std::scoped_lock lock(state_->mutex);
  // Back to the margin, the line, and clear what an earlier, longer one left.
  const std::string text = "\r" + line(now, terminal_columns() - 1) + "\x1b[K" + (now.last ? "\n" : "");
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(STDERR_FILENO, text.data() + written, text.size() - written);
    if (count <= 0) return;
    written += static_cast<std::size_t>(count);
  }
}

std::string progress_bar::line(const progress& now, std::size_t columns) {
  std::string text = core::printable(now.workflow) + " ";
  const auto finished = static_cast<double>(now.finished());
  if (now.size_hint && *now.size_hint > 0) {
    const auto size = static_cast<double>(*now.size_hint);
    text += fmt::format("{} {:3.0f}% {}/{}", bar(finished / size), std::min(100.0, 100 * finished / size),
                        short_number(finished), short_number(size));
  } else {
    text += short_number(finished) + " items";
  }
  if (now.last) {
    text += "  in " + core::duration_text(now.elapsed.count());
  } else if (now.size_hint && now.items_per_second > 0 && static_cast<double>(*now.size_hint) > finished) {
    text += "  " + core::duration_text((static_cast<double>(*now.size_hint) - finished) / now.items_per_second) + " left";
  }
  if (now.step_fraction) text += fmt::format("  step {:.0f}%", 100 * *now.step_fraction);
  if (now.failed != 0) text += fmt::format("  {} failed", short_number(static_cast<double>(now.failed)));
  if (now.skipped != 0) text += fmt::format("  {} skipped", short_number(static_cast<double>(now.skipped)));
  text += fmt::format("  {} items/s  {} steps/s", short_number(now.items_per_second), short_number(now.steps_per_second));
  if (text.size() > columns) text.resize(columns);
  return text;
}

}  // namespace pawl

#include "cli/maintain.hpp"

#include "tell/units.hpp"

#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>

namespace pawl::cli {
namespace {

using clock = std::chrono::steady_clock;
constexpr auto first_line_after = std::chrono::seconds(1);
constexpr auto between_lines = std::chrono::milliseconds(200);

// Clears what it drew when it goes.
struct drawn_line {
  clock::time_point next = clock::now() + first_line_after;
  bool drawn = false;

  void draw(const std::string& text) {
    if (::write(STDERR_FILENO, text.data(), text.size()) > 0) drawn = true;
  }
  ~drawn_line() {
    if (drawn) draw("\r\x1b[K");
  }
};

}  // namespace

tell_maintain progress_line() {
  if (::isatty(STDERR_FILENO) != 1) return {};
  return [line = std::make_shared<drawn_line>()](const maintain_progress& now) {
    if (clock::now() < line->next) return;
    line->next = clock::now() + between_lines;
    std::string text = "\r" + std::string(now.part) + " " + core::grouped(now.done);
    if (now.of != 0) text += " of " + core::grouped(now.of);
    line->draw(text + "\x1b[K");
  };
}

}  // namespace pawl::cli
